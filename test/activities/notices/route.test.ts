import { targetsOf } from '../../../activities/notices/route';
import { notice } from '../../support/notices';
import { noticeSettings } from '../../support/notifier';

const channels = {
  ops: { type: 'json', url: 'http://127.0.0.1:1' },
  dev: { type: 'json', url: 'http://127.0.0.1:1' },
};
const names = (routes: unknown[], changes: Parameters<typeof notice>[0] = {}): string[] =>
  targetsOf(notice(changes), noticeSettings({ channels, routes })).map(({ channel }) => channel);

test.each([
  ['without routes all channels tell everything', [], {}, ['ops', 'dev']],
  ['an empty match is everything', [{ channels: ['ops'] }], {}, ['ops']],
  [
    'every route that matches tells',
    [{ channels: ['ops'] }, { channels: ['dev'] }],
    {},
    ['ops', 'dev'],
  ],
  ['a kind is one', [{ match: { kind: 'drift' }, channels: ['ops'] }], { kind: 'drift' }, ['ops']],
  [
    'or one of several',
    [{ match: { kind: ['held', 'drift'] }, channels: ['ops'] }],
    { kind: 'held' },
    ['ops'],
  ],
  [
    'another kind is not told',
    [{ match: { kind: ['held'] }, channels: ['ops'] }],
    { kind: 'drift' },
    [],
  ],
  [
    'a severity must be that one',
    [{ match: { severity: 'critical' }, channels: ['ops'] }],
    { severity: 'info' },
    [],
  ],
  [
    'a namespace is a glob',
    [{ match: { namespace: 'prod-*' }, channels: ['ops'] }],
    { namespace: 'prod-eu' },
    ['ops'],
  ],
  [
    'a policy is a glob',
    [{ match: { policy: '*/web-*' }, channels: ['ops'] }],
    { policy: 'default/db' },
    [],
  ],
  [
    'a notice without a policy matches none',
    [{ match: { policy: 'a*' }, channels: ['ops'] }],
    { policy: null },
    [],
  ],
  [
    'a notice that names a channel goes there',
    [{ channels: ['ops'] }],
    { channel: 'dev' },
    ['dev'],
  ],
  [
    'one that is not there leaves it to the routes',
    [{ channels: ['ops'] }],
    { channel: 'no' },
    ['ops'],
  ],
] as const)('%s', (_, routes, changes, expected) => {
  expect(names([...routes], { ...changes })).toEqual(expected);
});

test('the first route that names a channel says how it tells', () => {
  const settings = noticeSettings({
    channels,
    routes: [
      { channels: ['ops'], groupBy: ['severity', 'kind'], wait: '1m', repeat: '4h' },
      { channels: ['ops', 'dev'] },
    ],
  });
  expect(targetsOf(notice({ severity: 'critical', kind: 'drift' }), settings)).toEqual([
    { channel: 'ops', groupKey: '["critical","drift"]', waitMs: 60_000, repeatMs: 14_400_000 },
    { channel: 'dev', groupKey: '["default","drift"]', waitMs: 5000, repeatMs: null },
  ]);
});
