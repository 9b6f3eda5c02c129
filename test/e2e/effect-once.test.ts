import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { actionWorkflowId } from '../../workflows/contract';
import { startControlPlane, type ControlPlane } from '../support/control-plane';
import type { Death, EffectSettings } from '../support/effect-worker';
import { service } from '../support/manifest-objects';
import { watched } from '../support/policies';
import { waitFor } from '../support/wait';

/** Injected crashes in all: `VIGIL_CRASHES=200 npm test -- test/e2e/effect-once`. */
const CRASHES = Number(process.env['VIGIL_CRASHES'] ?? 40);
const HOSTS = ['a', 'b', 'c', 'd'];
/** Services at work at a time, each on every host: a crash takes the try of each neighbour, too. */
const WAVE = 3;
const SERVICES = Math.ceil(CRASHES / HOSTS.length);

const DEATHS: readonly Death[] = ['locked', 'begun', 'effect', 'ended'];

interface Host {
  name: string;
  home: string;
  deaths: Record<string, Death>;
  child: ChildProcess | null;
}

let plane: ControlPlane;
let hosts: Host[] = [];
const state = { isEnding: false };

beforeAll(async () => {
  plane = await startControlPlane(() => [], { sweepMs: 2000 });
  hosts = HOSTS.map((name) => ({
    name,
    home: mkdtempSync(join(tmpdir(), 'vigil-effects-')),
    deaths: deathsOf(name),
    child: null,
  }));
  hosts.forEach(keepRunning);
}, 60_000);
afterAll(async () => {
  state.isEnding = true;
  for (const { child, home } of hosts) {
    if (child !== null) await end(child);
    rmSync(home, { recursive: true, force: true });
  }
  await plane.stop();
});

function serviceName(index: number): string {
  return `s${index}`;
}

/** Each resource has one death; the points take turns over services and hosts. */
function deathsOf(host: string): Record<string, Death> {
  const offset = HOSTS.indexOf(host);
  return Object.fromEntries(
    Array.from({ length: SERVICES }, (_, i) => [
      `default/${serviceName(i)}@${host}`,
      DEATHS[(i + offset) % DEATHS.length] ?? 'effect',
    ]),
  );
}

/** As systemd would: what dies is started again. */
function keepRunning(host: Host): void {
  const root = join(__dirname, '../..');
  const hook = join(root, 'test/support/typescript-hook.cjs');
  const script = join(root, 'test/support/effect-worker.ts');
  const child = spawn(process.execPath, ['-r', hook, script], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  host.child = child;
  const { address, namespace } = plane.temporal;
  const { name, home, deaths } = host;
  const settings: EffectSettings = { address, namespace, host: name, home, deaths };
  child.stdin.end(JSON.stringify(settings));
  child.once('exit', () => {
    if (!state.isEnding) keepRunning(host);
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}

/** Keys of the effects on all hosts, as they are on disk. */
function effects(): string[] {
  return hosts.flatMap(({ home }) => {
    const file = join(home, 'effects');
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  });
}

function crashes(): number {
  return hosts.flatMap(({ home }) => readdirSync(home).filter((name) => name.startsWith('died-')))
    .length;
}

interface Row {
  resource: string;
  action_id: string;
  outcome: string | null;
}

async function actionsOf(services: readonly number[]): Promise<Row[]> {
  return plane.rows<Row>(
    `select resource, action_id, outcome from actions where split_part(resource, '@', 1) = any($1)`,
    services.map((i) => `default/${serviceName(i)}`),
  );
}

/** Sends what a healthy or an ill service sends, for each of its hosts. */
async function sendAll(services: readonly number[], up: number): Promise<void> {
  for (const i of services) {
    for (const host of HOSTS) await plane.send(`${serviceName(i)}@${host}`, 'up', up);
  }
}

async function runWave(services: readonly number[]): Promise<void> {
  for (const i of services) {
    const [, policy] = watched(serviceName(i), 'up == 0', {
      limits: { attempts: 3, maxConcurrent: HOSTS.length },
      verify: { settleMs: 100, stableMs: 200, withinMs: 20_000 },
    });
    const sync = { mode: 'detect', cooldownMs: 1000 } as const;
    await plane.apply(service(serviceName(i), { hosts: HOSTS, sync }), policy);
  }
  await sendAll(services, 0);
  const expected = services.length * HOSTS.length;
  await waitFor(
    'every effect to be told',
    async () => {
      const rows = await plane.rows<{ count: number }>(
        `select count(*)::int as count from audit_events
          where event = 'executed' and split_part(resource, '@', 1) = any($1)`,
        services.map((i) => `default/${serviceName(i)}`),
      );
      return (rows[0]?.count ?? 0) >= expected;
    },
    240_000,
  );
  const stop = plane.keepSending(300, () => sendAll(services, 1));
  await waitFor(
    'every action to end',
    async () => (await actionsOf(services)).every(({ outcome }) => outcome !== null),
    60_000,
  );
  await stop();
}

/** From outside, to its first decision: everything after it is done once more. */
async function reset(actionId: string): Promise<void> {
  const { client, namespace } = plane.temporal;
  const workflowId = actionWorkflowId(actionId);
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const first = events?.find((event) => event.workflowTaskCompletedEventAttributes);
  await client.workflowService.resetWorkflowExecution({
    namespace,
    workflowExecution: { workflowId },
    reason: 'a test',
    requestId: `reset-${actionId}`,
    workflowTaskFinishEventId: first?.eventId ?? null,
  });
}

test(`${SERVICES * HOSTS.length} crashes, each in the middle of an effect: none is done twice, none is lost`, async () => {
  const all = Array.from({ length: SERVICES }, (_, i) => i);
  for (let from = 0; from < SERVICES; from += WAVE) await runWave(all.slice(from, from + WAVE));
  const rows = await actionsOf(all);
  const done = effects();
  // On a slow machine a try may come too late to begin: that one is not met by a crash.
  expect(crashes()).toBeGreaterThanOrEqual(SERVICES * HOSTS.length * 0.9);
  expect(new Set(done).size).toBe(done.length);
  const counted = rows.map(({ action_id: id, outcome }) => ({
    id,
    outcome,
    effects: done.filter((key) => key === `${id}/0`).length,
  }));
  expect(counted.filter((one) => one.outcome === 'succeeded' && one.effects !== 1)).toEqual([]);
  const acted = rows.filter(({ action_id: id }) => done.includes(`${id}/0`));
  expect(new Set(acted.map(({ resource }) => resource)).size).toBe(SERVICES * HOSTS.length);
  report(rows, done);
}, 900_000);

test('actions that are reset from outside after their effect do not do it again', async () => {
  const rows = (await actionsOf([0, 1])).filter(({ outcome }) => outcome === 'succeeded');
  const before = effects();
  for (const { action_id: id } of rows) await reset(id);
  await waitFor(
    'every reset run to end',
    async () => {
      const states = await Promise.all(
        rows.map(({ action_id: id }) =>
          plane.temporal.client.workflow.getHandle(actionWorkflowId(id)).describe(),
        ),
      );
      return states.every(({ status }) => status.name === 'COMPLETED');
    },
    120_000,
  );
  expect(rows.length).toBeGreaterThan(0);
  expect(effects()).toEqual(before);
}, 180_000);

/** The table of docs/guarantees.md. */
function report(rows: readonly Row[], done: readonly string[]): void {
  const deaths = Object.assign({}, ...hosts.map((host) => host.deaths)) as Record<string, Death>;
  const lines = DEATHS.map((death) => {
    const mine = rows.filter(({ resource }) => deaths[resource] === death);
    const keys = mine.map(({ action_id: id }) => `${id}/0`);
    const real = done.filter((key) => keys.includes(key));
    const twice = real.length - new Set(real).size;
    return `| ${death} | ${mine.length} | ${real.length} | ${twice} |`;
  });
  const head = ['| killed when | actions | effects | done twice |', '| --- | --- | --- | --- |'];
  process.stderr.write(`${[...head, ...lines].join('\n')}\n`);
}
