import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { pino } from 'pino';
import type { Policy } from '../../domain/policy/policy';
import { createPool } from '../../storage/database';
import { policy, service } from '../support/manifest-objects';
import { waitFor } from '../support/wait';
import { condition, createHarness, type Harness, type TestSample } from './harness';

let h: Harness;
beforeEach(async () => {
  h = await createHarness();
});
afterEach(() => h.close());

const web = (name = 'web') => service(name, { sync: { mode: 'detect', cooldownMs: 0 } });
const failing = (changes: Partial<Policy> = {}) =>
  policy('failing', { condition: condition('errors > 5'), ...changes });
const errors = (value: number, changes: Partial<TestSample> = {}): TestSample => ({
  resource: 'web',
  name: 'errors',
  value,
  ...changes,
});

test('a sample that makes a condition true starts the workflow with the full verdict set', async () => {
  const revision = await h.apply([web(), failing(), policy('other')]);
  await h.start();
  // Once it listens it reads its windows again, and a sample that it reads there has no request.
  await h.isListening();
  await h.ingest([errors(1, { ts: Date.now() - 1000 })]);
  await h.verdictIs('default/web', 'false');
  const ts = Date.now();
  await h.ingest([errors(9, { ts, correlationId: 'request-1' })]);
  const signals = await waitFor('the signal arrives', () =>
    h.signals('default/web').catch(() => null),
  );
  const row = await h.verdictIs('default/web', 'true');
  expect(row).toMatchObject({ value: 9, since: ts, cleared_at: null });
  expect(signals).toEqual([
    {
      version: row.version,
      correlationId: 'request-1',
      verdicts: [
        expect.objectContaining({
          policy: 'default/failing',
          policyRevision: revision,
          verdict: 'true',
          since: ts,
          forMs: 0,
          severity: 'warning',
          conditionHash: condition('errors > 5').hash,
        }),
        expect.objectContaining({ policy: 'default/other', verdict: 'unknown' }),
      ],
    },
  ]);
  await waitFor('the outbox is empty', async () => (await h.outbox()).length === 0);
  expect(await h.rows('select resource, sent_version from deliveries')).toEqual([
    { resource: 'default/web', sent_version: row.version },
  ]);
});

test('a healthy resource is stored and costs Temporal nothing', async () => {
  await h.apply([web(), failing()]);
  await h.start();
  for (let value = 0; value < 5; value += 1) await h.ingest([errors(value)]);
  await h.verdictIs('default/web', 'false');
  expect(await h.rows('select * from deliveries')).toEqual([]);
  expect(await h.outbox()).toEqual([]);
});

test('a verdict that ceases to be true is sent, with the time it was cleared', async () => {
  await h.apply([web(), failing()]);
  await h.start();
  await h.ingest([errors(9)]);
  await h.verdictIs('default/web', 'true');
  const ts = Date.now();
  await h.ingest([errors(1, { ts })]);
  expect(await h.verdictIs('default/web', 'false')).toMatchObject({ since: ts, cleared_at: ts });
  const signals = await waitFor('both signals arrive', async () => {
    const sent = await h.signals('default/web').catch(() => []);
    return sent.at(-1)?.verdicts[0]?.verdict === 'false' && sent;
  });
  expect(signals.map(({ version }) => version)).toEqual(
    [...signals.map(({ version }) => version)].sort((a, b) => a - b),
  );
});

test('a workflow that was told unknown after true is told how that ended', async () => {
  await h.apply([web(), failing({ condition: condition('share > 80%') })]);
  await h.start({ temporal: h.nowhere });
  const share = (value: number) => h.ingest([errors(value, { name: 'share' })]);
  const sent = async () => (await h.outbox())[0]?.payload.verdicts[0]?.verdict;
  await share(0.9);
  await h.verdictIs('default/web', 'true');
  await share(90);
  const unknown = await h.verdictIs('default/web', 'unknown');
  expect(unknown.evidence).toEqual([expect.objectContaining({ reason: 'unit_mismatch' })]);
  expect(await sent()).toBe('unknown');
  await share(0.1);
  await h.verdictIs('default/web', 'false');
  expect(await sent()).toBe('false');
});

test('a policy that is disabled has no verdict, and its workflow hears that it is gone', async () => {
  await h.apply([web(), failing()]);
  await h.start({ temporal: h.nowhere });
  await h.ingest([errors(9)]);
  await h.verdictIs('default/web', 'true');
  const generation = await h.rows('select created_revision from policies');
  await h.apply([web(), failing({ enabled: false })]);
  await waitFor('the verdict goes', async () => (await h.verdict('default/web')) === undefined);
  expect((await h.outbox())[0]?.payload.verdicts).toEqual([]);
  expect(await h.rows('select created_revision from policies')).toEqual(generation);

  await h.apply([web(), failing()]);
  await h.verdictIs('default/web', 'true');
  expect((await h.outbox())[0]?.payload.verdicts).toMatchObject([{ verdict: 'true' }]);
});

test('a value above any ratio against a percentage is unknown and never sent', async () => {
  await h.apply([web(), failing({ condition: condition('share > 80%') })]);
  await h.start();
  await h.ingest([errors(95, { name: 'share' })]);
  const row = await waitFor('the sample is evaluated', async () => {
    const found = await h.verdict('default/web');
    return found?.evidence[0]?.reason === 'unit_mismatch' && found;
  });
  expect(row.verdict).toBe('unknown');
  expect(await h.outbox()).toEqual([]);
  expect(await h.rows('select * from deliveries')).toEqual([]);
});

test('a sample received more than a minute late changes nothing, one received earlier does', async () => {
  await h.apply([web(), failing()]);
  await h.start();
  await h.ingest([errors(1)]);
  await h.verdictIs('default/web', 'false');
  await h.ingest([errors(9, { ts: Date.now() - 62_000, tags: { url: '/a' } })]);
  await h.ingest([errors(9, { ts: Date.now() - 50_000, tags: { url: '/b' } })]);
  const row = await h.verdictIs('default/web', 'true');
  expect(row.evidence).toEqual([
    expect.objectContaining({ series: 'errors{resource="web",url="/b"}', value: 9 }),
    expect.objectContaining({ series: 'errors{resource="web"}', value: 1 }),
    expect.objectContaining({ series: 'errors{resource="web",url="/a"}', reason: 'no_data' }),
  ]);
});

test('samples that arrive out of order give the verdict they give in order', async () => {
  await h.apply([web(), failing()]);
  await h.start();
  const now = Date.now();
  for (const [ago, value] of [
    [10, 9],
    [30, 9],
    [40, 1],
    [20, 9],
    [35, 1],
  ] as const) {
    await h.ingest([errors(value, { ts: now - ago * 1000 })]);
    if (ago === 10) await h.verdictIs('default/web', 'true');
  }
  const row = await h.verdictIs('default/web', 'true');
  // The first look took -10 s for the start; what it learns later never moves a start back.
  expect(row.since).toBe(now - 10_000);
  await h.ingest([errors(9, { ts: now })]);
  await h.ingest([errors(1, { ts: now - 5000 })]);
  const broken = await waitFor('the run is seen to be broken', async () => {
    const found = await h.verdict('default/web');
    return found?.since === now && found;
  });
  expect(broken).toMatchObject({ verdict: 'true', cleared_at: now });
});

test('an unbroken run keeps its start, its version and its silence over a restart', async () => {
  await h.apply([web(), failing()]);
  const first = await h.start();
  await h.ingest([errors(9, { ts: Date.now() - 20_000 }), errors(9, { ts: Date.now() - 10_000 })]);
  const before = await h.verdictIs('default/web', 'true');
  await waitFor('the signal is sent', async () => (await h.outbox()).length === 0);
  await first.stop();
  const second = await h.start();
  await h.ingest([errors(9)]);
  // A second resource's edge comes after the first one was looked at.
  await h.ingest([errors(9, { resource: 'db' })]);
  await waitFor('the detector works', () => h.verdict('default/db').then((row) => row ?? null));
  expect(await h.verdict('default/web')).toEqual(before);
  await second.stop();
  expect(await h.signals('default/web')).toHaveLength(1);
});

test('what was committed before the process died is sent by the next one, once', async () => {
  await h.apply([web(), failing()]);
  const dying = await h.start({ temporal: h.nowhere });
  await h.ingest([errors(9)]);
  await h.verdictIs('default/web', 'true');
  await dying.stop();
  expect(await h.outbox()).toHaveLength(1);
  const next = await h.start();
  await waitFor('the outbox is empty', async () => (await h.outbox()).length === 0);
  await next.stop();
  expect(await h.signals('default/web')).toHaveLength(1);
});

test('samples that were committed while no detector ran are found at the start', async () => {
  await h.apply([web(), failing()]);
  await h.ingest([errors(9)]);
  await h.start();
  await h.verdictIs('default/web', 'true');
  await waitFor('the signal arrives', () => h.signals('default/web').catch(() => null));
});

test('while Temporal is away, the edges of a resource become one message with the newest set', async () => {
  await h.apply([web(), failing()]);
  await h.start({ temporal: h.nowhere });
  for (const value of [9, 1, 9]) {
    await h.ingest([errors(value)]);
    await h.verdictIs('default/web', value > 5 ? 'true' : 'false');
  }
  const { version } = (await h.verdict('default/web')) ?? {};
  expect(await h.outbox()).toMatchObject([
    { workflow_id: 'resource/default/web', starts: true, priority: 0, payload: { version } },
  ]);
});

test('of a thousand resources that fail in one batch none is missed', async () => {
  const names = Array.from({ length: 1000 }, (_, i) => `svc-${i}`);
  await h.apply([...names.map(web), failing()]);
  await h.start({ temporal: h.nowhere });
  await h.ingest(names.map((resource) => errors(9, { resource })));
  await waitFor(
    'all are true',
    async () => {
      const [row] = await h.rows<{ n: number }>(
        `select count(*) as n from verdicts where verdict = 'true'`,
      );
      return row?.n === 1000;
    },
    60_000,
  );
  const [sent] = await h.rows<{ n: number; firing: number }>(
    `select count(*) as n, count(*) filter (where priority = 0) as firing from outbox
     where kind = 'verdictsChanged'`,
  );
  expect(sent).toEqual({ n: 1000, firing: 1000 });
}, 120_000);

test('an edit that changes what a true verdict means is sent with the new revision', async () => {
  await h.apply([web(), failing()]);
  await h.start({ temporal: h.nowhere });
  await h.ingest([errors(9)]);
  await h.verdictIs('default/web', 'true');
  const revision = await h.apply([web(), failing({ condition: condition('errors > 50') })]);
  const row = await h.verdictIs('default/web', 'false');
  expect(row.policy_revision).toBe(revision);
  expect(row.cleared_at).not.toBeNull();
  expect((await h.outbox())[0]?.payload).toMatchObject({
    version: row.version,
    verdicts: [{ policyRevision: revision, verdict: 'false' }],
  });
});

test('a new revision of a verdict that is not true is sent only while a request is open', async () => {
  await h.apply([web(), web('db'), failing()]);
  await h.start({ temporal: h.nowhere });
  await h.ingest([errors(1), errors(1, { resource: 'db' })]);
  await h.verdictIs('default/web', 'false');
  await h.verdictIs('default/db', 'false');
  await h.rows(
    `insert into requests (action_id, resource, policy, generation, episode, attempt, target, severity,
       since, policy_revision, plan, state, waiter)
     values (gen_random_uuid(), 'default/db', 'default/failing', 1, 1, 1, 'default/db', 'warning',
       now(), 1, '{}', 'awaiting_approval', 'resource/default/db')`,
  );
  const revision = await h.apply([web(), web('db'), failing({ severity: 'critical' })]);
  await waitFor('both have the new revision', async () => {
    const rows = await Promise.all([h.verdict('default/web'), h.verdict('default/db')]);
    return rows.every((row) => row?.policy_revision === revision);
  });
  expect((await h.outbox()).map((row) => row.workflow_id)).toEqual(['resource/default/db']);
});

test('a policy that is deleted takes its true verdict back', async () => {
  await h.apply([web(), failing(), policy('other')]);
  await h.start({ temporal: h.nowhere });
  await h.ingest([errors(9)]);
  await h.verdictIs('default/web', 'true');
  await h.rows('delete from outbox');
  await h.apply([web(), policy('other')]);
  await waitFor('the row is gone', async () => (await h.verdict('default/web')) === undefined);
  expect(await h.outbox()).toMatchObject([
    {
      kind: 'verdictsChanged',
      starts: false,
      payload: { verdicts: [{ policy: 'default/other' }] },
    },
  ]);
});

test('samples of a deleted resource do not revive it', async () => {
  await h.apply([web(), web('db'), failing()]);
  await h.start();
  await h.ingest([errors(1)]);
  await h.verdictIs('default/web', 'false');
  await h.apply([web('db'), failing()]);
  await waitFor('the row is gone', async () => (await h.verdict('default/web')) === undefined);
  await h.ingest([errors(9), errors(9, { resource: 'db' })]);
  await h.verdictIs('default/db', 'true');
  expect(await h.verdict('default/web')).toBeUndefined();
});

test('an owner of series without a manifest is observed', async () => {
  await h.apply([failing()]);
  await h.start({ temporal: h.nowhere });
  await h.ingest([errors(9, { resource: 'nobody-wrote-me' })]);
  await h.verdictIs('default/nobody-wrote-me', 'true');
});

test('samples that another process wrote count once they are announced', async () => {
  await h.apply([web(), failing()]);
  await h.start({ temporal: h.nowhere });
  await h.ingest([errors(1)]);
  await h.verdictIs('default/web', 'false');
  const other = h.silentStore();
  const ts = Date.now();
  await h.ingest([errors(9, { ts })], other);
  const [series] = await h.rows<{ series_id: number }>('select series_id from series');
  await h.rows(`select pg_notify('vigil_samples', $1)`, [
    JSON.stringify([{ seriesId: series?.series_id, ts, value: 9, lag: 0 }]),
  ]);
  expect(await h.verdictIs('default/web', 'true')).toMatchObject({ since: ts });
  await h.ingest([errors(1)], other);
  await h.rows(`select pg_notify('vigil_samples', '[]')`);
  await h.verdictIs('default/web', 'false');
});

test('a series that only another process has seen is found by its announcement', async () => {
  await h.apply([web(), failing()]);
  await h.start({ temporal: h.nowhere });
  await h.verdictIs('default/web', 'unknown');
  const ts = Date.now();
  await h.ingest([errors(9, { ts })], h.silentStore());
  const [series] = await h.rows<{ series_id: number }>('select series_id from series');
  await h.rows(`select pg_notify('vigil_samples', $1)`, [
    JSON.stringify([{ seriesId: series?.series_id, ts, value: 9, lag: 0 }]),
  ]);
  await h.verdictIs('default/web', 'true');
});

test('a condition over attempts comes true at the last of them', async () => {
  const attempts = condition('errors > 5', (operand) => ({
    kind: 'forAttempts',
    at: 0,
    attempts: 3,
    operand,
  }));
  await h.apply([web(), failing({ condition: attempts })]);
  await h.start({ temporal: h.nowhere });
  const now = Date.now();
  for (const [ago, value] of [
    [40, 1],
    [30, 9],
    [20, 9],
  ] as const) {
    await h.ingest([errors(value, { ts: now - ago * 1000 })]);
  }
  await h.verdictIs('default/web', 'false');
  await h.ingest([errors(9, { ts: now - 10_000 })]);
  expect(await h.verdictIs('default/web', 'true')).toMatchObject({ since: now - 10_000 });
});

test('a nested for comes true without a further sample', async () => {
  const held = condition('errors > 5', (operand) => ({
    kind: 'not',
    at: 0,
    operand: { kind: 'not', at: 0, operand: { kind: 'for', at: 0, durationMs: 700, operand } },
  }));
  await h.apply([web(), failing({ condition: held })]);
  await h.start({ temporal: h.nowhere });
  const now = Date.now();
  await h.ingest([errors(1, { ts: now - 1 }), errors(9, { ts: now })]);
  expect(await h.verdictIs('default/web', 'true')).toMatchObject({ since: now + 700 });
  expect(Date.now()).toBeGreaterThanOrEqual(now + 700);
});

test('while PostgreSQL is away, at the start or later, nothing is lost and it is said once', async () => {
  await h.apply([web(), failing()]);
  await h.ingest([errors(9)]);
  const target = new URL(h.database.url);
  const gate = await openGate({ host: target.hostname, port: Number(target.port) });
  const url = new URL(h.database.url);
  url.port = String(gate.port);
  const pool = createPool({ url: url.href, poolSize: 3, name: 'test' });
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
  try {
    gate.isOpen = false;
    const detector = await h.start({ pool, logger, temporal: h.nowhere });
    await waitFor('several tries have failed', () => gate.refused > 20);
    const messages = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages.length).toBeGreaterThan(0);
    expect(new Set(messages).size).toBe(messages.length);
    gate.isOpen = true;
    await h.verdictIs('default/web', 'true');
    gate.shut();
    await h.ingest([errors(1)]);
    await waitFor('the edge could not be written', () => gate.refused > 40);
    expect(await h.verdict('default/web')).toMatchObject({ verdict: 'true' });
    gate.isOpen = true;
    await h.verdictIs('default/web', 'false');
    await detector.stop();
  } finally {
    await pool.end();
    await gate.close();
  }
});

/** A door to a server that can be shut. */
async function openGate(target: { host: string; port: number }) {
  const sockets = new Set<Socket>();
  const gate = {
    isOpen: true,
    refused: 0,
    port: 0,
    close: () => closeServer(server, sockets),
    /** Cuts what goes through. */
    shut() {
      gate.isOpen = false;
      for (const socket of sockets) socket.destroy();
    },
  };
  const server = createServer((socket) => {
    if (!gate.isOpen) {
      gate.refused += 1;
      socket.destroy();
      return;
    }
    const far = connect(target);
    for (const [one, other] of [
      [socket, far],
      [far, socket],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => sockets.delete(one));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  gate.port = (server.address() as AddressInfo).port;
  return gate;
}

async function closeServer(server: Server, sockets: Iterable<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
}
