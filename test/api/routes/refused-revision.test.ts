import fc from 'fast-check';
import { query } from '../../../storage/database';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { dumpTables } from '../../support/dump';
import { createGitRound, servicesYaml, type GitRound } from '../../support/git-round';

let database: TestDatabase;
let api: TestApi;
let git: GitRound;

beforeEach(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  git = createGitRound(database.pool);
  await git.push(servicesYaml(['of-git', 'of-git-too']));
  expect(await put(['a', 'b', 'c', 'd'].map((name) => service(name)))).toBe(200);
});
afterEach(async () => {
  git.remove();
  await api.close();
  await database.drop();
});

type Document = Record<string, unknown> & { spec: Record<string, unknown> };

async function put(payload: readonly unknown[]): Promise<number> {
  const answer = await api.app.inject({
    ...{ method: 'PUT', url: '/api/v1/manifests', payload: [...payload] },
  });
  return answer.statusCode;
}

function manifest(kind: string, name: string, spec: Record<string, unknown>): Document {
  return { apiVersion: 'vigil.io/v1', kind, metadata: { name, namespace: 'default' }, spec };
}

const service = (name: string, version = '1'): Document =>
  manifest('Service', name, {
    runtime: { type: 'process', command: ['true'], env: { VERSION: version } },
    healthCheck: { endpoint: 'http://127.0.0.1:1/', threshold: 3 },
  });
const policy = (name: string, value: string): Document =>
  manifest('Policy', name, { condition: `load > ${value}`, action: 'restart' });
const group = (name: string, value: string): Document =>
  manifest('Group', name, { members: { name: '*' }, limits: { maxUnhealthy: Number(value) + 1 } });

/** A revision that is fine: new objects, changed and unchanged ones. */
const fine = fc.uniqueArray(
  fc
    .tuple(
      fc.constantFrom(service, policy, group),
      fc.constantFrom('a', 'b', 'c', 'new', 'other'),
      fc.constantFrom('1', '2', '3'),
    )
    .map(([make, name, version]) => make(name, version)),
  {
    selector: ({ kind, metadata }) => JSON.stringify([kind, metadata]),
    minLength: 1,
    maxLength: 6,
  },
);

/** What makes it one that must be refused: other documents in the place of one of them. */
const FAULTS: Readonly<Record<string, (document: Document) => unknown[]>> = {
  'an unknown field': (document) => [{ ...document, spec: { ...document.spec, imge: 'x' } }],
  'no spec': ({ apiVersion, kind, metadata }) => [{ apiVersion, kind, metadata }],
  'an unknown kind': (document) => [{ ...document, kind: 'Servce' }],
  'another version of the language': (document) => [{ ...document, apiVersion: 'vigil.io/v2' }],
  'a bad name': (document) => [{ ...document, metadata: { name: 'NO' } }],
  'no mapping': () => ['text'],
  'an object twice': (document) => [document, document],
  'an object of another source': (document) => [document, service('of-git', '2')],
  'a condition that is none': (document) => [document, policy('broken', '')],
  'a verb that no runtime has': (document) => [
    document,
    manifest('Policy', 'verb', { condition: 'x > 1', action: 'restrat' }),
  ],
  'a circle of dependencies': (document) => [
    document,
    { ...service('p'), spec: { ...service('p').spec, dependsOn: ['q'] } },
    { ...service('q'), spec: { ...service('q').spec, dependsOn: ['p'] } },
  ],
};

const broken = fc
  .tuple(fine, fc.nat(), fc.constantFrom(...Object.keys(FAULTS)))
  .map(([documents, place, fault]) => {
    const at = place % documents.length;
    const parts = documents.map((one, i) => (i === at ? (FAULTS[fault]?.(one) ?? []) : [one]));
    return { fault, documents: parts.flat() };
  });

test('a refused revision leaves the database as it was, whatever is wrong with it and where', async () => {
  const before = await dumpTables(database.pool);
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(broken, async ({ fault, documents }) => {
      expect([409, 422]).toContain(await put(documents));
      expect(await dumpTables(database.pool)).toEqual(before);
      seen.add(fault);
    }),
    { numRuns: 150 },
  );
  expect([...seen].sort()).toEqual(Object.keys(FAULTS).sort());
}, 120_000);

test('what is not broken is applied: the revisions above are refused for their faults alone', async () => {
  await fc.assert(
    fc.asyncProperty(fine, async (documents) => {
      expect(await put(documents)).toBe(200);
    }),
    { numRuns: 20 },
  );
}, 60_000);

test('a broken push leaves what is in force as it was, and its lines are said and audited', async () => {
  const inForce = async () =>
    Object.entries(await dumpTables(database.pool)).filter(
      ([table]) => !/^audit|^source_errors$/.test(table),
    );
  const before = await inForce();
  const { status } = await git.push({
    'of-git.yaml': servicesYaml(['of-git'], '2')['of-git.yaml'] ?? '',
    'of-git-too.yaml': null,
    'bad.yaml': 'apiVersion: vigil.io/v1\nkind: Service\nmetadata: { name: x }\nspec:\n  imge: x\n',
  });
  const place = expect.stringMatching(/^fleet\/bad\.yaml:5:3: unknown field "imge"/) as string;
  expect(status.problems).toEqual(expect.arrayContaining([place]));
  expect(await inForce()).toEqual(before);
  const refusals = `select details->'problems' as problems from audit_events where event = 'manifest_refused'`;
  expect(await query(database.pool, refusals)).toEqual([{ problems: status.problems }]);
  const errors = 'select source, problems from source_errors';
  expect(await query(database.pool, errors)).toEqual([
    { source: 'git:fleet', problems: status.problems },
  ]);
});

/** Where a revision writes. */
const WRITTEN = [
  ...['revisions', 'manifests', 'manifest_versions', 'resources', 'policies', 'policy_revisions'],
  ...['definitions', 'group_members', 'audit_events', 'outbox'],
];

test.each(WRITTEN)(
  'a revision that fails while it writes %s has written nothing',
  async (table) => {
    await query(
      database.pool,
      `create function fail() returns trigger language plpgsql as $$ begin raise 'no space'; end $$`,
    );
    const trigger = `create trigger fail before insert or update on ${table} execute function fail()`;
    await query(database.pool, trigger);
    const documents = [service('a', '2'), service('e'), policy('p', '1'), group('g', '1')];
    const before = await dumpTables(database.pool);
    expect(await put(documents)).toBe(500);
    expect(await dumpTables(database.pool)).toEqual(before);
    await query(database.pool, `drop trigger fail on ${table}`);
    expect(await put(documents)).toBe(200);
  },
);
