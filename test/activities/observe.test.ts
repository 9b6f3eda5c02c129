import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { observe, startDesired } from '../../activities/observe';
import {
  createProcessRuntime,
  type ProcessRuntime,
} from '../../activities/runtimes/process/runtime';
import { createScriptRuntime } from '../../activities/runtimes/script/runtime';
import type { ServiceSpec } from '../../domain/resource';
import { query } from '../../storage/database';
import { withTargetLock } from '../../storage/journal';
import { applyRevision } from '../../storage/manifests';
import type { Observation } from '../../storage/observation';
import { createObservationStore, recordObservation } from '../../storage/observations';
import { listObserved, type ObservedResource } from '../../storage/states';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { service } from '../support/manifest-objects';

const SLEEPER = [process.execPath, '-e', 'setInterval(() => {}, 1000)'];
const NOW = Date.UTC(2026, 0, 2);

let database: TestDatabase;
let folder: string;
let runtime: ProcessRuntime;
let web: ObservedResource;
let now = NOW;

beforeEach(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'vigil-observe-'));
  runtime = createProcessRuntime({ home: folder, now: Date.now, stopTimeoutMs: 2000 });
  const object = service('web', {
    runtime: {
      type: 'process',
      command: SLEEPER,
      env: { A: '1' },
      cwd: folder,
      stopWithVigil: true,
    },
    config: [{ kind: 'content', path: 'web.conf', content: 'answer = 42\n' }],
  });
  await applyRevision(database.pool, {
    source: 's',
    author: 'vigil',
    correlationId: null,
    mode: 'replaceSource',
    objects: [object],
    deletions: [],
  });
  const [found] = await listObserved(database.pool, null);
  if (found === undefined) throw new Error('no resource');
  web = found;
});
afterEach(async () => {
  await runtime.stop(web);
  await database.drop();
  rmSync(folder, { recursive: true });
});

function deps() {
  const { pool } = database;
  const store = createObservationStore(pool);
  const record = (observation: Observation) => recordObservation(store, observation);
  return { pool, record, observer: 'control', now: () => ++now };
}

async function changes(): Promise<string[]> {
  await observe(deps(), web, runtime);
  const [state] = await query<{ changes: { pointer: string; kind: string }[] }>(
    database.pool,
    'select changes from states',
  );
  return (state?.changes ?? []).map(({ pointer, kind }) => `${kind} ${pointer}`);
}

it('sees what was never started, what runs as desired, an edited file and a dead process', async () => {
  expect(await changes()).toEqual(['missing /config/web.conf', 'missing /running']);
  expect(await startDesired(deps(), web, runtime)).toMatchObject({ kind: 'started' });
  expect(await changes()).toEqual([]);
  writeFileSync(join(folder, 'web.conf'), 'answer = 41\n');
  expect(await changes()).toEqual(['changed /config/web.conf']);
  await runtime.stop(web);
  expect(await changes()).toEqual(['changed /config/web.conf', 'changed /running']);
});

it('audits a start with its identity, and starts what runs no second time', async () => {
  const answer = await startDesired(deps(), web, runtime);
  const identity = answer.kind === 'started' ? answer.result.identity : null;
  expect(identity).toEqual(expect.any(String));
  expect(await startDesired(deps(), web, runtime)).toEqual({ kind: 'running' });
  const audited = await query(
    database.pool,
    `select resource, actor, door, details->>'identity' as identity from audit_events where event = 'started'`,
  );
  expect(audited).toEqual([{ resource: 'default/web', actor: 'vigil', door: 'worker', identity }]);
});

it('starts nothing while paused', async () => {
  await query(
    database.pool,
    `insert into pauses (scope, reason, actor) values ('default/web', 'by hand', 'user:a')`,
  );
  expect(await startDesired(deps(), web, runtime)).toEqual({ kind: 'held', by: 'paused' });
  expect(await runtime.observe(web)).toMatchObject({ isAbsent: true });
});

it('starts nothing of a manifest that is gone or another one by now', async () => {
  const former = { ...web, revision: web.revision - 1 };
  expect(await startDesired(deps(), former, runtime)).toEqual({ kind: 'held', by: 'superseded' });
  expect(await runtime.observe(web)).toMatchObject({ isAbsent: true });
});

it('starts nothing behind an action: one that takes the slot while the start waits for the lock holds it', async () => {
  const start = await withTargetLock(database.pool, web.resource, { waitMs: 1000 }, async () => {
    const waiting = startDesired(deps(), web, runtime);
    const action = randomUUID();
    await query(
      database.pool,
      `insert into requests (action_id, resource, generation, episode, attempt, target, severity, since,
         policy_revision, plan, state, waiter)
       values ($1, $2, 1, 1, 1, $2, 'warning', now(), 1, '{}', 'granted', 'w')`,
      [action, web.resource],
    );
    await query(database.pool, 'insert into slots (action_id, target) values ($1, $2)', [
      action,
      web.resource,
    ]);
    return { waiting };
  });
  expect(await start.waiting).toEqual({ kind: 'held', by: 'acting' });
  expect(await runtime.observe(web)).toMatchObject({ isAbsent: true });
});

it('a resource that nobody can look at has no state, and no drift is left of what it was before', async () => {
  expect(await changes()).toEqual(['missing /config/web.conf', 'missing /running']);
  const scripts = createScriptRuntime({ folders: [folder], now: Date.now });
  const spec: ServiceSpec = {
    ...web.spec,
    runtime: {
      type: 'script',
      actions: { fix: { command: ['./fix.sh'], timeoutMs: 1000, idempotent: false } },
      inspect: null,
      env: { allow: [], set: {} },
      cwd: null,
    },
  };
  const { recorded } = await observe(deps(), { ...web, spec }, scripts);
  expect(recorded).toEqual({ kind: 'skipped', reason: 'unseen' });
  expect(await query(database.pool, 'select resource from states')).toEqual([]);
  const open = 'select pointer from drift_events where resolved_at is null';
  expect(await query(database.pool, open)).toEqual([]);
  expect(await startDesired(deps(), { ...web, spec }, scripts)).toEqual({ kind: 'running' });
});

it('what Vigil set and what is ignored are no drift, and a start makes what Vigil set', async () => {
  const drift = { ignore: [{ path: '/config/**' }], owners: [], severity: [] };
  const overrides = [{ pointer: '/env/A', value: '2', policy: null, until: null }];
  web = { ...web, spec: { ...web.spec, drift }, overrides };
  writeFileSync(join(folder, 'web.conf'), 'by hand\n');
  expect(await startDesired(deps(), web, runtime)).toMatchObject({ kind: 'started' });
  expect(await runtime.observe(web)).toMatchObject({ env: { A: '2' } });
  expect(readFileSync(join(folder, 'web.conf'), 'utf8')).toBe('by hand\n');
  expect(await changes()).toEqual([]);
  delete web.overrides;
  expect(await changes()).toEqual(['changed /env/A']);
});

it('what ran and does not is left alone where that is ignored; what never ran is started', async () => {
  const drift = { ignore: [{ path: '/running' }], owners: [], severity: [] };
  web = { ...web, spec: { ...web.spec, drift } };
  expect(await startDesired(deps(), web, runtime)).toMatchObject({ kind: 'started' });
  await runtime.stop(web);
  expect(await startDesired(deps(), web, runtime)).toEqual({ kind: 'left' });
  expect(await runtime.observe(web)).toMatchObject({ isRunning: false });
  expect(await changes()).toEqual([]);
});
