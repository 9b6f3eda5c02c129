import { query } from '../../storage/database';
import { listDefinitions } from '../../storage/definitions';
import { applyRevision } from '../../storage/manifests';
import type { ManifestObject, RevisionRequest } from '../../storage/manifests';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { approvers, group, maintenance, policy, service } from '../support/manifest-objects';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await database.drop();
});

async function applied(
  objects: ManifestObject[],
  changes: Partial<RevisionRequest> = {},
): Promise<string[]> {
  const result = await applyRevision(database.pool, {
    source: 'folder:demo',
    author: 'vigil',
    correlationId: 'c-1',
    mode: 'replaceSource',
    objects,
    deletions: [],
    ...changes,
  });
  if (result.kind !== 'applied' && result.kind !== 'refused') throw new Error(result.kind);
  if (result.kind === 'refused') return result.problems.map(({ message }) => message);
  return result.changed.map((c) => `${c.change} ${c.kind} ${c.namespace}/${c.name}`);
}

const rows = (sql: string, params: unknown[] = []) =>
  query<Record<string, unknown>>(database.pool, sql, params);

const groups = () => listDefinitions(database.pool, 'Group');

it('keeps each kind as it was compiled, and tells of it in the audit', async () => {
  const [web, backup, people] = [
    group('web'),
    maintenance('backup'),
    approvers('operators', ['alice']),
  ];
  expect(await applied([web, backup, people])).toEqual([
    'created Group default/web',
    'created MaintenanceWindow default/backup',
    'created Approvers default/operators',
  ]);
  expect(await groups()).toEqual([web.definition]);
  expect(await listDefinitions(database.pool, 'MaintenanceWindow')).toEqual([backup.definition]);
  expect(await listDefinitions(database.pool, 'Approvers')).toEqual([people.definition]);
  const audited = await rows(
    `select resource, policy, details->>'kind' as kind, details->>'name' as name
     from audit_events where event = 'manifest_applied' order by id`,
  );
  expect(audited).toEqual([
    { resource: null, policy: null, kind: 'Group', name: 'web' },
    { resource: null, policy: null, kind: 'MaintenanceWindow', name: 'backup' },
    { resource: null, policy: null, kind: 'Approvers', name: 'operators' },
  ]);
});

it('replaces what changed, leaves what did not, and lets go of what is not written any more', async () => {
  await applied([group('web'), group('api')]);
  const stricter = group('web', { limits: { maxUnhealthy: { kind: 'percent', percent: 40 } } });
  expect(await applied([stricter, group('api')])).toEqual(['updated Group default/web']);
  expect(await groups()).toEqual([group('api').definition, stricter.definition]);
  expect(await applied([group('api')])).toEqual(['deleted Group default/web']);
  expect(await groups()).toEqual([group('api').definition]);
  expect(await rows('select kind, name from manifests')).toEqual([{ kind: 'Group', name: 'api' }]);
});

it('belongs to one source, which may let go of it to another', async () => {
  await applied([group('web')]);
  const other = { source: 'api', mode: 'upsert' as const };
  expect(await applied([group('web')], other)).toEqual([
    'Group default/web belongs to source folder:demo (web.yaml:1)',
  ]);
  await applied([]);
  expect(await groups()).toEqual([]);
  expect(await applied([group('web')], other)).toEqual(['created Group default/web']);
  const deletions = [{ kind: 'Group' as const, namespace: 'default', name: 'web' }];
  expect(await applied([], { ...other, deletions })).toEqual(['deleted Group default/web']);
  expect(await groups()).toEqual([]);
});

it('has nothing to do with the Service and the Policy of its name', async () => {
  const others = [service('web', { hosts: ['a'] }), policy('web')];
  await applied([...others, group('web')]);
  await applied([...others, group('web', { storm: null, members: { name: 'w', labels: {} } })]);
  await applied(others);
  expect(await rows('select policy from policies where deleted_at is null order by 1')).toEqual([
    { policy: 'default/web' },
    { policy: 'default/web:sync' },
  ]);
  expect(await rows('select resource from resources where deleted_at is null')).toEqual([
    { resource: 'default/web@a' },
  ]);
});

describe('who is held', () => {
  const woken = () =>
    rows(
      `select workflow_id, payload, starts from outbox where kind = 'gateLifted' order by workflow_id`,
    );

  beforeEach(async () => {
    const held = [
      ['default/a', 'maintenance'],
      ['default/b', 'blast_radius'],
      ['default/c', 'storm'],
      ['other/d', 'max_concurrent'],
      ['default/e', 'cooldown'],
      ['default/f', null],
    ];
    for (const [resource, gate] of held) {
      await rows(
        `insert into episodes (resource, policy, generation, episode, held_gate)
         values ($1, 'default/p', 1, 1, $2)`,
        [resource, gate],
      );
    }
  });

  it.each([
    ['a Group', group('web')],
    ['a MaintenanceWindow', maintenance('backup')],
    ['Approvers', approvers('operators', ['alice'])],
  ])(
    'by groups, windows or storms asks again when %s comes, changes or goes',
    async (_, object) => {
      const expected = [
        { workflow_id: 'resource/default/a', payload: { gate: 'maintenance' }, starts: true },
        { workflow_id: 'resource/default/b', payload: { gate: 'blast_radius' }, starts: true },
        { workflow_id: 'resource/default/c', payload: { gate: 'storm' }, starts: true },
        { workflow_id: 'resource/other/d', payload: { gate: 'max_concurrent' }, starts: true },
      ];
      await applied([object]);
      expect(await woken()).toEqual(expected);
      await rows('delete from outbox');
      await applied([{ ...object, checksum: 'other' }]);
      expect(await woken()).toEqual(expected);
      await rows('delete from outbox');
      await applied([]);
      expect(await woken()).toEqual(expected);
    },
  );

  it('is left alone by a revision that defines nothing anew', async () => {
    await applied([group('web'), service('web')]);
    await rows('delete from outbox');
    await applied([group('web'), service('web', { labels: { tier: 'web' } })]);
    expect(await woken()).toEqual([]);
  });
});
