import { loadSettings } from '../../../cli/up/settings';

test('every port is shifted by VIGIL_PORT_OFFSET', () => {
  const settings = loadSettings({ VIGIL_PORT_OFFSET: '100' });
  const ports = [settings.api, settings.worker, settings.gitops].map(({ port }) => port);
  expect([...ports, settings.temporalPort, settings.uiPort]).toEqual([
    8100, 8181, 8182, 7333, 8333,
  ]);
});

test('a port that is named is not shifted', () => {
  const env = { VIGIL_PORT_OFFSET: '100', VIGIL_API_PORT: '9000', VIGIL_TEMPORAL_UI_PORT: '9001' };
  expect(loadSettings(env)).toMatchObject({
    api: { port: 9000 },
    uiPort: 9001,
    temporalPort: 7333,
  });
});

test('servers that the environment names are used, else started', () => {
  expect(loadSettings({})).toMatchObject({ databaseUrl: null, temporal: null, redisUrl: null });
  expect(
    loadSettings({
      DATABASE_URL: 'postgres://db/x',
      VIGIL_TEMPORAL_ADDRESS: 'temporal:7233',
      REDIS_URL: 'redis://r',
    }),
  ).toMatchObject({
    databaseUrl: 'postgres://db/x',
    temporal: { connection: { address: 'temporal:7233' } },
    redisUrl: 'redis://r',
  });
});

test('a variable that makes no sense is named', () => {
  expect(() => loadSettings({ VIGIL_PORT_OFFSET: 'many' })).toThrow(/VIGIL_PORT_OFFSET/);
  expect(() => loadSettings({ VIGIL_API_PORT: '99999' })).toThrow(/VIGIL_API_PORT/);
});
