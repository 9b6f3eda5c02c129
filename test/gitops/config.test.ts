import { gitopsConfigSchema } from '../../gitops/config';
import { loadConfig } from '../../platform/config-loader';

const load = (env: NodeJS.ProcessEnv) => loadConfig(gitopsConfigSchema, { env }).gitops;

it('watches the demo on loopback unless told otherwise', () => {
  expect(load({})).toEqual({
    host: '127.0.0.1',
    port: 8082,
    interval: 10_000,
    sources: [],
    webhooks: {},
    pruneShare: 0.5,
    folders: ['manifests/demo'],
  });
});

it('takes folders as a list with commas, each once, however it is spelt', () => {
  const { folders } = load({ VIGIL_GITOPS_FOLDERS: 'a/, ./b,a,, /c/../d/' });
  expect(folders).toEqual(['a', 'b', '/d']);
});

it('shifts its port and never polls more than once a second', () => {
  const env = { VIGIL_PORT_OFFSET: '100', VIGIL_GITOPS_INTERVAL: '5ms' };
  expect(load(env)).toMatchObject({ port: 8182, interval: 1000 });
});
