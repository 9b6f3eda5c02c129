import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awayReason, hostAway } from '../../activities/host-presence';
import {
  createProcessRuntime,
  type ProcessRuntime,
} from '../../activities/runtimes/process/runtime';
import type { RuntimeTarget } from '../../domain/action/runtime';
import { readStat } from '../../platform/procfs';
import { CONTROL_QUEUE, RESOURCE_WORKFLOW } from '../../workflows/contract';
import { startControlPlane, type ControlPlane } from '../support/control-plane';
import type { HostCrash } from '../support/host-worker';
import { service } from '../support/manifest-objects';
import { watched } from '../support/policies';
import { waitFor } from '../support/wait';

const ROOT = join(__dirname, '../..');
const HOOK = join(ROOT, 'test/support/typescript-hook.cjs');
/** How long a host has to begin, where that is awaited. */
const SHORT_START_MS = 6000;

/** One host: its home, and a program there that counts its starts. */
interface Host {
  name: string;
  home: string;
  target: RuntimeTarget;
  runtime: ProcessRuntime;
  starts: () => number;
}

let plane: ControlPlane;
let made = 0;
const children: ChildProcess[] = [];
const hosts: Host[] = [];

beforeAll(async () => {
  plane = await startControlPlane(() => [], { sweepMs: 1000 });
}, 60_000);
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => end(child)));
  for (const { runtime, target, home } of hosts.splice(0)) {
    await runtime.stop(target);
    rmSync(home, { recursive: true, force: true });
  }
});
afterAll(() => plane.stop());

/** A Service on a host of its own, started there; its policy restarts it while `up` is 0. */
async function makeHost({ hostStartMs = 60_000 } = {}): Promise<Host> {
  const name = `h${++made}`;
  const home = mkdtempSync(join(tmpdir(), 'vigil-host-'));
  const file = join(home, 'starts');
  const midway = join(home, 'midway');
  // Writes a line at each start, and takes a second to end when asked to.
  const script = `echo started >> ${file}; trap 'echo > ${midway}; sleep 1; exit 0' TERM; while :; do sleep 0.1; done`;
  const [, policy] = watched(`web-${name}`, 'up == 0', { cooldownMs: 60_000 });
  const web = service(`web-${name}`, {
    hosts: [name],
    sync: { mode: 'detect', cooldownMs: 1000 },
    runtime: {
      type: 'process',
      command: ['/bin/sh', '-c', script],
      env: {},
      cwd: home,
      stopWithVigil: false,
    },
  });
  await plane.apply(web, policy);
  const spec = web.service;
  if (spec === null) throw new Error('the manifest has no Service');
  const resource = `default/web-${name}@${name}`;
  // As the dispatcher would, but for the wait.
  await plane.temporal.client.workflow.start(RESOURCE_WORKFLOW, {
    workflowId: `resource/${resource}`,
    taskQueue: CONTROL_QUEUE,
    args: [{ resource, constants: { hostStartMs } }],
  });
  const host: Host = {
    name,
    home,
    target: { resource, spec },
    runtime: createProcessRuntime({ home, now: Date.now }),
    starts: () =>
      existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).length : 0,
  };
  hosts.push(host);
  await host.runtime.ensureRunning(host.target);
  await waitFor('the first start', () => host.starts() === 1);
  return host;
}

function nameOf({ target }: Host): string {
  return target.resource.replace('default/', '');
}

async function startWorker(host: Host, crash: HostCrash = 'never', home = host.home) {
  const child = spawn(process.execPath, ['-r', HOOK, join(ROOT, 'test/support/host-worker.ts')], {
    stdio: ['pipe', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  const { address, namespace } = plane.temporal;
  child.stdin?.end(JSON.stringify({ address, namespace, host: host.name, home, crash }));
  await new Promise((resolve) => child.once('message', resolve));
  return child;
}

/** The process itself, as `./vigil worker --host` runs it. */
function startProcess(host: Host) {
  const child = spawn(process.execPath, ['-r', HOOK, join(ROOT, 'workers/main.ts')], {
    cwd: host.home,
    env: {
      PATH: process.env['PATH'],
      VIGIL_HOME: host.home,
      VIGIL_WORKER_HOST_NAME: host.name,
      VIGIL_WORKER_PORT: '0',
      // Nothing listens there: a host has no database.
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
      TEMPORAL_ADDRESS: plane.temporal.address,
      TEMPORAL_NAMESPACE: plane.temporal.namespace,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  children.push(child);
  const said = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  const ready = (): { health: number; claim: string } | undefined =>
    said.stdout
      .split('\n')
      .filter((line) => line.includes('"ready"'))
      .map((line) => JSON.parse(line) as { health: number; claim: string })[0];
  return { child, said, ready };
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  // Not before all that it has said is here.
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill(signal);
  await closed;
}

async function outcomes(host: Host): Promise<{ outcome: string; reason: string }[]> {
  return plane.rows(
    'select outcome, outcome_reason as reason from actions where resource = $1 and outcome is not null order by requested_at',
    host.target.resource,
  );
}

async function firstOutcome(host: Host): Promise<{ outcome: string; reason: string }> {
  return waitFor('an outcome', async () => (await outcomes(host))[0]);
}

async function condition(host: Host, up: number): Promise<void> {
  await plane.send(nameOf(host), 'up', up);
}

test('an action on a resource with a host happens there, with its journal on its disk', async () => {
  const host = await makeHost();
  const { child, said, ready } = startProcess(host);
  const { health, claim } = await waitFor('the host worker', ready);
  await waitFor('its worker to be heard of', async () => {
    return (await hostAway(plane.temporal.client, host.name)) === null;
  });
  await condition(host, 0);
  await plane.healthyUntil(nameOf(host), 'succeeded');
  expect(host.starts()).toBe(2);
  expect(readdirSync(join(host.home, 'journal', 'steps'))).toHaveLength(1);
  expect(await plane.rows('select 1 from journal where target = $1', host.target.resource)).toEqual(
    [],
  );
  expect(claim).toMatch(new RegExp(`^host/${host.name}/[0-9a-f-]{36}@`));
  const answer = await fetch(`http://127.0.0.1:${health}/health`);
  expect(await answer.json()).toMatchObject({ status: 'ok', host: host.name, paused: null });
  await end(child, 'SIGTERM');
  expect({ code: child.exitCode, stderr: said.stderr }).toEqual({ code: 0, stderr: '' });
}, 90_000);

test('a second worker of the same home is refused in one line, and ends with its parent', async () => {
  const host = await makeHost();
  const first = startProcess(host);
  await waitFor('the host worker', first.ready);
  const second = startProcess(host);
  const code = await new Promise((resolve) => second.child.once('close', resolve));
  expect(code).toBe(1);
  expect(second.said.stderr.trim().split('\n')).toEqual([
    `another host worker already runs in ${host.home}; stop it, or give this one a VIGIL_HOME of its own`,
  ]);
  first.child.disconnect();
  await waitFor('the first one to end', () => first.child.exitCode === 0);
}, 90_000);

test('a host that nobody polls for is held by its gate, and no slot waits for it', async () => {
  const host = await makeHost();
  const why = `no worker polls for host ${host.name}: start ./vigil worker --host ${host.name} there`;
  expect(await hostAway(plane.temporal.client, host.name)).toBe(why);
  await condition(host, 0);
  await waitFor('the hold', async () => {
    const [row] = await plane.rows<{ held_gate: string | null; held_detail: string | null }>(
      'select held_gate, held_detail from episodes where resource = $1',
      host.target.resource,
    );
    return row?.held_gate === 'host_away' && row.held_detail === why;
  });
  expect(await outcomes(host)).toEqual([]);
  await condition(host, 1);
}, 90_000);

test('a host that went away a moment ago: nothing happens, the slot is free, and it does not act late when it is back', async () => {
  const host = await makeHost({ hostStartMs: SHORT_START_MS });
  const gone = await startWorker(host);
  await waitFor('its worker to be heard of', async () => {
    return (await hostAway(plane.temporal.client, host.name)) === null;
  });
  await end(gone, 'SIGKILL');
  await condition(host, 0);
  const ending = await firstOutcome(host);
  expect(ending).toEqual({
    outcome: 'cancelled',
    reason: `host_away: host ${host.name} did not begin within 6 s`,
  });
  await condition(host, 1);
  await waitFor('every action on it to end', async () => {
    const open = await plane.rows(
      `select 1 from requests where resource = $1 and state <> 'closed'`,
      host.target.resource,
    );
    return open.length === 0;
  });
  const slots = await plane.rows('select 1 from slots where target = $1', host.target.resource);
  expect(slots).toEqual([]);
  await startWorker(host);
  // The same host does act once it is asked to: what came before is not merely slow.
  await condition(host, 0);
  await plane.healthyUntil(nameOf(host), 'succeeded');
  expect(host.starts()).toBe(2);
  const attempts = await plane.rows<{ attempts: number }>(
    'select attempts from episodes where resource = $1',
    host.target.resource,
  );
  expect(attempts.map((row) => row.attempts)).toEqual([0]);
}, 90_000);

test.each<HostCrash>(['before', 'during', 'after'])(
  'a host worker killed %s the effect and started again: exactly one restart',
  async (crash) => {
    const host = await makeHost();
    const first = await startWorker(host, crash);
    const died = new Promise((resolve) =>
      first.once('exit', (_code, signal) => {
        resolve(signal);
      }),
    );
    await condition(host, 0);
    expect(await died).toBe('SIGKILL');
    await startWorker(host);
    await plane.healthyUntil(nameOf(host), 'succeeded');
    expect(host.starts()).toBe(2);
    expect((await outcomes(host)).map(({ outcome }) => outcome)).toEqual(['succeeded']);
  },
  180_000,
);

test('a host that goes away in the middle leaves it inconclusive, and takes up nothing when it is back', async () => {
  const host = await makeHost({ hostStartMs: SHORT_START_MS });
  await startWorker(host, 'before');
  await condition(host, 0);
  await waitFor('the worker to die', () => existsSync(join(host.home, 'died')));
  await condition(host, 1);
  const ending = await firstOutcome(host);
  expect(ending).toMatchObject({ outcome: 'inconclusive' });
  expect(ending.reason).toContain('the host went away in the middle');
  await startWorker(host);
  await waitFor('the host to be heard', async () => (await outcomes(host)).length === 1);
  expect(host.starts()).toBe(1);
}, 90_000);

test('a host that was suspended in the middle does not act once it goes on', async () => {
  const host = await makeHost({ hostStartMs: SHORT_START_MS });
  const worker = await startWorker(host, 'hangs');
  const said: string[] = [];
  worker.on('message', (message) => said.push(message as string));
  await condition(host, 0);
  await waitFor('the worker to take it up', async () => {
    const begun = await plane.rows(
      'select 1 from slots where target = $1 and begun_step = 0',
      host.target.resource,
    );
    return begun.length > 0 && isStopped(worker);
  });
  await condition(host, 1);
  expect(await firstOutcome(host)).toMatchObject({ outcome: 'inconclusive' });
  worker.kill('SIGCONT');
  expect(await waitFor('it to go on', () => said[0])).toBe('was silent for too long');
  expect(host.starts()).toBe(1);
}, 90_000);

function isStopped({ pid }: ChildProcess): boolean {
  return pid !== undefined && readStat(pid)?.state === 'T';
}

test('two workers that claim one host are seen, and neither acts on what the other looked at', async () => {
  const host = await makeHost();
  const other = mkdtempSync(join(tmpdir(), 'vigil-host-'));
  try {
    await startWorker(host);
    await startWorker(host, 'never', other);
    const reason = await waitFor(
      'both to be heard',
      () => hostAway(plane.temporal.client, host.name),
      30_000,
    );
    expect(reason).toMatch(new RegExp(`^2 workers claim host ${host.name}: `));
  } finally {
    await Promise.all(children.splice(0).map((child) => end(child)));
    rmSync(other, { recursive: true });
  }
}, 90_000);

test('a file PAUSE on the host stops the effect, and its reason is the action’s', async () => {
  const host = await makeHost();
  writeFileSync(join(host.home, 'PAUSE'), 'the disk is being swapped\n');
  await startWorker(host);
  await condition(host, 0);
  expect(await firstOutcome(host)).toEqual({
    outcome: 'cancelled',
    reason: 'paused (file): the disk is being swapped',
  });
  expect(host.starts()).toBe(1);
}, 90_000);

test.each([
  [[], `no worker polls for host a: start ./vigil worker --host a there`],
  [[{ identity: 'host/a/1', lastAccessAt: 99_000 }], null],
  [
    [
      { identity: 'host/a/1', lastAccessAt: 99_000 },
      { identity: 'host/a/1', lastAccessAt: 60_000 },
    ],
    null,
  ],
  [
    [
      { identity: 'host/a/2', lastAccessAt: 31_000 },
      { identity: 'host/a/1', lastAccessAt: 99_000 },
    ],
    '2 workers claim host a: host/a/1, host/a/2',
  ],
  [
    [{ identity: 'host/a/1', lastAccessAt: 29_000 }],
    'the worker of host a was last heard of at 1970-01-01T00:00:29.000Z',
  ],
])('pollers %j mean %s', (pollers, reason) => {
  expect(awayReason('a', pollers, 100_000)).toBe(reason);
});
