import { Client } from 'pg';
import { query } from '../../storage/database';
import { applyRevision, recordRefusal, sourceStatus } from '../../storage/manifests';
import type { ManifestObject, RevisionRequest, RevisionResult } from '../../storage/manifests';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { policy, service, serviceSpec } from '../support/manifest-objects';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await database.drop();
});

function apply(
  objects: ManifestObject[],
  changes: Partial<RevisionRequest> = {},
): Promise<RevisionResult> {
  return applyRevision(database.pool, {
    source: 'folder:demo',
    author: 'vigil',
    correlationId: 'c-1',
    mode: 'replaceSource',
    objects,
    deletions: [],
    ...changes,
  });
}

async function applied(
  objects: ManifestObject[],
  changes: Partial<RevisionRequest> = {},
): Promise<{ revision: number | null; changed: string[]; unchanged: number }> {
  const result = await apply(objects, changes);
  if (result.kind !== 'applied') throw new Error(JSON.stringify(result));
  const { revision, unchanged } = result;
  const changed = result.changed.map((c) => `${c.change} ${c.kind} ${c.namespace}/${c.name}`);
  return { revision, changed, unchanged };
}

async function refused(
  objects: ManifestObject[],
  changes: Partial<RevisionRequest> = {},
): Promise<string[]> {
  const result = await apply(objects, changes);
  if (result.kind !== 'refused') throw new Error(`was ${result.kind}`);
  return result.problems.map(({ file, line, message }) => `${file}:${line}: ${message}`);
}

const rows = (sql: string, params: unknown[] = []) =>
  query<Record<string, unknown>>(database.pool, sql, params);

const live = async (table: 'resources' | 'policies', key: 'resource' | 'policy') =>
  (await rows(`select ${key} as key from ${table} where deleted_at is null order by 1`)).map(
    (row) => row['key'],
  );

/** Everything a revision may write, as one text. */
async function everything(): Promise<string> {
  const tables = ['revisions', 'manifests', 'manifest_versions', 'resources', 'policies'];
  const others = ['policy_revisions', 'audit_events', 'outbox', 'states', 'drift_events'];
  const parts = [];
  for (const table of [...tables, ...others]) {
    parts.push(table, JSON.stringify(await rows(`select * from ${table} t order by t::text`)));
  }
  return parts.join('\n');
}

it('writes manifests, their versions, resources, policies and audit rows as one revision', async () => {
  const { revision, changed } = await applied([service('web'), policy('web-down')]);
  expect(revision).toEqual(expect.any(Number));
  expect(changed).toEqual(['created Service default/web', 'created Policy default/web-down']);
  expect(
    await rows('select kind, name, source, revision, file, line from manifests order by 1'),
  ).toEqual([
    {
      kind: 'Policy',
      name: 'web-down',
      source: 'folder:demo',
      revision,
      file: 'web-down.yaml',
      line: 1,
    },
    { kind: 'Service', name: 'web', source: 'folder:demo', revision, file: 'web.yaml', line: 1 },
  ]);
  expect(await rows('select count(*)::int as n from manifest_versions')).toEqual([{ n: 2 }]);
  expect(
    await rows('select resource, service, host, spec, created_revision from resources'),
  ).toEqual([
    {
      resource: 'default/web',
      service: 'web',
      host: null,
      spec: serviceSpec(),
      created_revision: revision,
    },
  ]);
  expect(await live('policies', 'policy')).toEqual(['default/web-down', 'default/web:sync']);
  expect(await rows('select policy, revision from policy_revisions order by 1')).toEqual([
    { policy: 'default/web-down', revision },
    { policy: 'default/web:sync', revision },
  ]);
  expect(
    await rows(
      'select resource, policy, event, actor, door, correlation_id, details from audit_events order by id',
    ),
  ).toEqual([
    expect.objectContaining({
      resource: 'default/web',
      policy: null,
      event: 'manifest_applied',
      actor: 'vigil',
      door: 'gitops',
      correlation_id: 'c-1',
    }),
    expect.objectContaining({
      resource: null,
      policy: 'default/web-down',
      event: 'manifest_applied',
    }),
  ]);
  expect(await sourceStatus(database.pool, 'folder:demo')).toEqual({ revision, objects: 2 });
});

it('places a Service on the host that its runtime names', async () => {
  await applied([service('web', { host: 'edge-1' }), service('api')]);
  expect(await rows('select resource, host from resources order by 1')).toEqual([
    { resource: 'default/api', host: null },
    { resource: 'default/web', host: 'edge-1' },
  ]);
});

it('writes no revision when nothing changed, and follows a manifest to another line', async () => {
  await applied([service('web')]);
  const before = await everything();
  expect(await applied([service('web')])).toEqual({ revision: null, changed: [], unchanged: 1 });
  expect(await everything()).toBe(before);
  await applied([{ ...service('web'), file: 'other.yaml', line: 7 }]);
  expect(await rows('select file, line from manifests')).toEqual([{ file: 'other.yaml', line: 7 }]);
  expect(await rows('select count(*)::int as n from revisions')).toEqual([{ n: 1 }]);
});

it('tells running workflows and listeners which resources changed or went', async () => {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  const heard: string[] = [];
  client.on('notification', ({ payload }) => heard.push(payload ?? ''));
  await client.query('listen vigil_revision');
  try {
    await applied([service('web'), service('api'), policy('web-down')]);
    await rows('delete from outbox');
    const { revision } = await applied([service('web', { labels: { tier: 'web' } })]);
    expect(
      await rows('select workflow_id, kind, action, payload, starts from outbox order by 1'),
    ).toEqual([
      {
        workflow_id: 'resource/default/api',
        kind: 'desiredChanged',
        action: '',
        payload: { revision, isDeleted: true },
        starts: false,
      },
      {
        workflow_id: 'resource/default/web',
        kind: 'desiredChanged',
        action: '',
        payload: { revision, isDeleted: false },
        starts: false,
      },
    ]);
    await client.query('select 1');
    expect(heard).toHaveLength(2);
    expect(heard[1]).toBe(String(revision));
  } finally {
    await client.end();
  }
});

it('makes one member per host and retires the member whose host goes', async () => {
  await applied([service('web', { hosts: ['a', 'b'] })]);
  expect(await rows('select resource, name, service, host from resources order by 1')).toEqual([
    { resource: 'default/web@a', name: 'web@a', service: 'web', host: 'a' },
    { resource: 'default/web@b', name: 'web@b', service: 'web', host: 'b' },
  ]);
  await applied([service('web', { hosts: ['b'] })]);
  expect(await live('resources', 'resource')).toEqual(['default/web@b']);
  await applied([service('web')]);
  expect(await live('resources', 'resource')).toEqual(['default/web']);
});

it('a resource that comes back is a new generation; one that is edited is not', async () => {
  const first = await applied([service('web')]);
  const edited = await applied([service('web', { labels: { a: '1' } })]);
  const generation = 'select revision, created_revision as made, deleted_at from resources';
  expect(await rows(generation)).toEqual([
    { revision: edited.revision, made: first.revision, deleted_at: null },
  ]);
  await applied([]);
  expect(await live('resources', 'resource')).toEqual([]);
  expect(await live('policies', 'policy')).toEqual([]);
  const again = await applied([service('web')]);
  expect(again.changed).toEqual(['created Service default/web']);
  expect(await rows(generation)).toEqual([
    { revision: again.revision, made: again.revision, deleted_at: null },
  ]);
  expect(await rows('select revision, created_revision as made from policies')).toEqual([
    { revision: again.revision, made: again.revision },
  ]);
});

it('an edit of a Service leaves the revision of its sync policy, whose text is the same', async () => {
  const { revision } = await applied([service('web')]);
  await applied([service('web', { labels: { a: '1' } })]);
  expect(await rows('select revision from policies')).toEqual([{ revision }]);
  await applied([service('web', { sync: { mode: 'detect', cooldownMs: 1 } })]);
  expect(await live('policies', 'policy')).toEqual([]);
});

it('an edited policy keeps every earlier revision', async () => {
  await applied([policy('p')]);
  await applied([policy('p', { severity: 'critical' })]);
  const kept = await rows(
    `select document->>'severity' as severity from policy_revisions order by revision`,
  );
  expect(kept).toEqual([{ severity: 'warning' }, { severity: 'critical' }]);
});

it('replacing a source prunes its own objects only; an upsert prunes nothing and deletes what is named', async () => {
  await applied([service('web'), service('api')]);
  await applied([service('db')], { source: 'api', mode: 'upsert' });
  expect((await applied([service('web')])).changed).toEqual(['deleted Service default/api']);
  expect((await applied([service('cache')], { source: 'api', mode: 'upsert' })).changed).toEqual([
    'created Service default/cache',
  ]);
  expect(await live('resources', 'resource')).toEqual([
    'default/cache',
    'default/db',
    'default/web',
  ]);
  const deletions = [
    { kind: 'Service' as const, namespace: 'default', name: 'db' },
    { kind: 'Service' as const, namespace: 'default', name: 'never-was' },
  ];
  expect((await applied([], { source: 'api', mode: 'upsert', deletions })).changed).toEqual([
    'deleted Service default/db',
  ]);
  expect(
    await rows(
      `select document, source from manifest_versions where name = 'db' order by revision desc limit 1`,
    ),
  ).toEqual([{ document: null, source: 'api' }]);
});

it('refuses what belongs to another source, naming its file, and leaves the database as it was', async () => {
  await applied([service('web')]);
  const before = await everything();
  const deletions = [{ kind: 'Service' as const, namespace: 'default', name: 'web' }];
  expect(
    await refused([service('ok'), { ...service('web'), file: 'put', line: 3 }], { source: 'api' }),
  ).toEqual(['put:3: Service default/web belongs to source folder:demo (web.yaml:1)']);
  expect(await refused([], { source: 'api', mode: 'upsert', deletions })).toEqual([
    'web.yaml:1: Service default/web belongs to source folder:demo (web.yaml:1)',
  ]);
  expect(await everything()).toBe(before);
});

it.each<[string, ManifestObject[], string[]]>([
  [
    'an object that is described twice, naming both places',
    [service('web'), { ...service('web'), file: 'b.yaml', line: 9 }],
    ['b.yaml:9: Service default/web is already described at web.yaml:1'],
  ],
  [
    'two Services that would make the same resource',
    [service('web', { hosts: ['a'] }), service('web@a')],
    [
      'web@a.yaml:1: Service default/web@a would make resource default/web@a, which Service default/web (web.yaml:1) makes',
    ],
  ],
  [
    'a name with a colon',
    [policy('web:sync')],
    ['web:sync.yaml:1: Policy default/web:sync: a name holds no ":"'],
  ],
])('refuses %s', async (_name, objects, expected) => {
  const before = await everything();
  expect(await refused(objects)).toEqual(expected);
  expect(await everything()).toBe(before);
});

it('lets a resource move from one Service to another within one revision', async () => {
  await applied([service('web', { hosts: ['a', 'b'] })]);
  await rows('delete from outbox');
  await applied([service('web', { hosts: ['b'] }), service('web@a')]);
  expect(
    await rows('select resource, service from resources where deleted_at is null order by 1'),
  ).toEqual([
    { resource: 'default/web@a', service: 'web@a' },
    { resource: 'default/web@b', service: 'web' },
  ]);
  const told = await rows(
    `select workflow_id as id, payload->'isDeleted' as gone from outbox order by 1`,
  );
  expect(told).toEqual([
    { id: 'resource/default/web@a', gone: false },
    { id: 'resource/default/web@b', gone: false },
  ]);
});

it('forgets what was observed of a resource that is no longer managed', async () => {
  await applied([service('web')]);
  await rows(
    `insert into states (resource, observed, changes, observer, observed_at) values ('default/web', '{}', '[]', 'control', now())`,
  );
  await rows(
    `insert into drift_events (resource, pointer, kind, revision, onset) values ('default/web', '/running', 'missing', 1, now())`,
  );
  await applied([]);
  expect(await rows('select 1 from states')).toEqual([]);
  expect(await rows('select 1 from drift_events where resolved_at is null')).toEqual([]);
});

it('serialises revisions that are made at the same time', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const results = await Promise.all(
    names.map((name) => applied([service(name)], { source: 'api', mode: 'upsert' })),
  );
  expect(new Set(results.map(({ revision }) => revision)).size).toBe(names.length);
  const clash = await Promise.all([
    apply([service('web')], { source: 'one' }),
    apply([service('web')], { source: 'two' }),
  ]);
  expect(clash.map(({ kind }) => kind).sort()).toEqual(['applied', 'refused']);
});

it('audits a refusal once per distinct content', async () => {
  const refusal = { source: 's', checksum: 'x', problems: ['a:1:1: no'], correlationId: null };
  expect(await recordRefusal(database.pool, refusal)).toBe(true);
  expect(await recordRefusal(database.pool, refusal)).toBe(false);
  expect(await recordRefusal(database.pool, { ...refusal, checksum: 'y' })).toBe(true);
  expect(await rows(`select event, details from audit_events order by id`)).toEqual([
    { event: 'manifest_refused', details: { source: 's', checksum: 'x', problems: ['a:1:1: no'] } },
    expect.objectContaining({ event: 'manifest_refused' }),
  ]);
});

it('refuses a change of an object that is not at the revision that was expected', async () => {
  const name = { kind: 'Policy', namespace: 'default', name: 'down' } as const;
  const upsert = { mode: 'upsert' } as const;
  const { revision } = await applied([policy('down')], {
    ...upsert,
    expected: { ...name, revision: null },
  });
  const edit = [policy('down', { severity: 'critical' })];
  for (const [seen, message] of [
    [null, `is at revision ${revision}`],
    [(revision ?? 0) + 1, `is at revision ${revision}`],
  ] as const) {
    expect(await apply(edit, { ...upsert, expected: { ...name, revision: seen } })).toEqual({
      kind: 'refused',
      isStale: true,
      problems: [{ file: 'down.yaml', line: 1, message: `Policy default/down ${message}` }],
    });
  }
  const { changed } = await applied(edit, { ...upsert, expected: { ...name, revision } });
  expect(changed).toEqual(['updated Policy default/down']);
  const gone = { ...name, name: 'gone', revision: 1 };
  expect(await refused([], { ...upsert, expected: gone })).toEqual([
    ':1: Policy default/gone is not there',
  ]);
});
