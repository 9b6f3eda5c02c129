import fc from 'fast-check';
import { Client } from 'pg';
import { admit } from '../../storage/admission';
import { createPool, inTransaction, query } from '../../storage/database';
import { closeRequest, findRequest } from '../../storage/requests';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { policy, service } from '../support/manifest-objects';
import { apply, ask, putGroup } from '../support/requests';
import { waitFor } from '../support/wait';

/**
 * Many processes that ask, release, withdraw, duplicate their looks and die in the middle of one,
 * all at once on a real PostgreSQL, while somebody else looks whether a limit was ever passed.
 */

const MEMBERS = Array.from({ length: 16 }, (_, i) => `default/m${i}`);
const LIMITS = { p: 3, q: 2 } as const;
const ADMITTERS = 8;
const STEPS = 25;

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  const { pool } = database;
  await apply(
    pool,
    ...MEMBERS.map((key, i) =>
      service(key.replace('default/', ''), {
        sync: { mode: 'detect', cooldownMs: 1000 },
        labels: { side: i < 8 ? 'left' : 'right', rack: `r${i % 4}` },
      }),
    ),
    policy('p', { limits: { attempts: 3, maxConcurrent: LIMITS.p } }),
    policy('q', { limits: { attempts: 3, maxConcurrent: LIMITS.q } }),
  );
  await putGroup(pool, 'left', {
    members: { name: '*', labels: { side: 'left' } },
    limits: { maxConcurrent: { kind: 'count', count: 2 } },
  });
  await putGroup(pool, 'rack', {
    members: { name: '*', labels: { rack: 'r1' } },
    limits: { maxConcurrent: { kind: 'count', count: 1 } },
  });
}, 60_000);
afterAll(() => database.drop());

/** What a limit says is looked at in one statement, so that it sees one state of the world. */
const PASSED = `
  select
    (select count(*) from slots where policy = 'default/p') > ${LIMITS.p} as p,
    (select count(*) from slots where policy = 'default/q') > ${LIMITS.q} as q,
    (select count(*) from slots s join group_members m on m.resource = s.target
      where m.group_id = 'group:default/left') > 2 as left_group,
    (select count(*) from slots s join group_members m on m.resource = s.target
      where m.group_id = 'group:default/rack') > 1 as rack,
    (select count(*) > count(distinct target) from slots) as doubled,
    exists (select 1 from slots s join requests r using (action_id) where r.state <> 'granted') as loose`;

test('however many admit at once, no limit is ever passed and nobody is forgotten', async () => {
  const seed = Number(process.env['VIGIL_SEED'] ?? Date.now() % 1_000_000);
  const random = draws(seed);
  const watch = watchLimits();
  const asked: string[] = [];
  await Promise.all(Array.from({ length: ADMITTERS }, (_, i) => live(random, { name: i, asked })));
  await drain();
  expect({ seed, passed: await watch.stop() }).toEqual({ seed, passed: [] });
  const open = await query(database.pool, `select 1 from requests where state <> 'closed'`);
  expect(open).toEqual([]);
  // Every one of them was granted in its time, or taken back by whoever asked.
  const without = await query(
    database.pool,
    `select r.action_id from requests r where outcome = 'succeeded' and not exists
       (select 1 from audit_events e where e.action_id = r.action_id and e.event = 'admitted')`,
  );
  expect(without).toEqual([]);
  const twice = await query(
    database.pool,
    `select action_id from audit_events where event = 'admitted' group by action_id having count(*) > 1`,
  );
  expect(twice).toEqual([]);
}, 120_000);

/** The same numbers for one seed, so that a failure can be played again with VIGIL_SEED. */
function draws(seed: number): (below: number) => number {
  const numbers = fc.sample(fc.nat(1_000_000), { numRuns: ADMITTERS * STEPS * 6, seed });
  let next = 0;
  return (below) => {
    next += 1;
    return (numbers[next % numbers.length] ?? 0) % below;
  };
}

/** One process: its own pool, a life of random acts. */
async function live(
  random: (below: number) => number,
  { name, asked }: { name: number; asked: string[] },
): Promise<void> {
  const pool = createPool({ url: database.url, poolSize: 4, name: `admitter-${name}` });
  pool.on('error', () => undefined);
  try {
    for (let step = 0; step < STEPS; step += 1) {
      const act = random(10);
      if (act < 5) {
        const own = await ask(pool, {
          target: MEMBERS[random(MEMBERS.length)] ?? '',
          ...(random(2) === 0
            ? { policy: 'default/p', maxConcurrent: LIMITS.p }
            : { policy: 'default/q', maxConcurrent: LIMITS.q }),
          severity: (['critical', 'warning', 'info'] as const)[random(3)] ?? 'info',
          episode: name * 1000 + step,
        });
        asked.push(own);
        await Promise.all([admit(pool, { own }), admit(pool)]);
      } else if (act < 8) await release(pool, asked[random(asked.length + 1)]);
      else if (act < 9) await dieWithin(random(3));
      else await admit(pool, { isThorough: true });
    }
  } finally {
    await pool.end();
  }
}

/** Closes an action as `record` or `withdraw` does: under its lock, then a look. */
async function release(pool: TestDatabase['pool'], actionId: string | undefined): Promise<void> {
  if (actionId === undefined) return;
  await inTransaction(pool, async (db) => {
    const request = await findRequest(db, actionId, { lock: true });
    if (request === null || request.state === 'closed') return;
    const outcome = request.state === 'granted' ? 'succeeded' : 'cancelled';
    await closeRequest(db, actionId, { outcome, reason: 'test' });
  });
  await admit(pool);
}

/** A process that holds the admission lock and dies before it commits: its connection is cut. */
async function dieWithin(kind: number): Promise<void> {
  const client = new Client({ connectionString: database.url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin');
  await client.query('select pg_try_advisory_xact_lock(7846110)');
  if (kind > 0) {
    await client.query(
      `insert into slots (action_id, target, policy) select action_id, target, policy from requests
        where state = 'open' limit 1 on conflict do nothing`,
    );
  }
  await client.end();
}

/** Whoever is left over is admitted and released until nobody waits: slots go in order, none is lost. */
async function drain(): Promise<void> {
  const { pool } = database;
  await waitFor(
    'the queue to empty',
    async () => {
      await admit(pool, { isThorough: true });
      const slots = await query<{ id: string }>(pool, 'select action_id as id from slots');
      for (const { id } of slots) await release(pool, id);
      const open = await query(pool, `select 1 from requests where state <> 'closed' limit 1`);
      return open.length === 0;
    },
    60_000,
  );
}

function watchLimits(): { stop: () => Promise<string[]> } {
  const passed = new Set<string>();
  const watch = { isOver: false };
  const running = (async () => {
    while (!watch.isOver) {
      const [row] = await query<Record<string, boolean>>(database.pool, PASSED);
      for (const [name, isPassed] of Object.entries(row ?? {})) if (isPassed) passed.add(name);
    }
  })();
  return {
    async stop() {
      watch.isOver = true;
      await running;
      return [...passed];
    },
  };
}
