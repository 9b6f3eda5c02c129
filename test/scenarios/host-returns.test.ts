import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProcessRuntime } from '../../activities/runtimes/process/runtime';
import { CONTROL_QUEUE, RESOURCE_WORKFLOW, resourceWorkflowId } from '../../workflows/contract';
import { startScenario, type Scenario } from '../support/scenario';
import { waitFor } from '../support/wait';

const ROOT = join(__dirname, '../..');
const HOOK = join(ROOT, 'test/support/typescript-hook.cjs');
/** Instead of the 30 s that a host has to begin. */
const HOST_START_MS = 5000;
const NAME = 'web@a';

let scenario: Scenario;
let home: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  scenario = await startScenario({ sweepMs: 1000 });
  home = mkdtempSync(join(tmpdir(), 'vigil-host-'));
  const script = `echo started >> ${home}/starts; trap 'exit 0' TERM; while :; do sleep 0.1; done`;
  await scenario.apply(`
apiVersion: vigil.io/v1
kind: Service
metadata: { name: web }
spec:
  runtime: { type: process, command: ['/bin/sh', '-c', "${script}"], cwd: '${home}' }
  hosts: [a]
---
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: web-down }
spec:
  target: { name: web }
  condition: up == 0
  action: restart
  cooldown: 1s
  verify: { settle: 50ms, stable: 300ms, within: 20s }
`);
  const resource = `default/${NAME}`;
  // As the dispatcher would, but for the shorter wait.
  await scenario.plane.temporal.client.workflow.start(RESOURCE_WORKFLOW, {
    workflowId: resourceWorkflowId(resource),
    taskQueue: CONTROL_QUEUE,
    args: [{ resource, constants: { hostStartMs: HOST_START_MS } }],
  });
  const target = { resource, spec: await specOf(resource) };
  const runtime = createProcessRuntime({ home, now: Date.now });
  stopProgram = () => runtime.stop(target);
  await runtime.ensureRunning(target);
  await waitFor('the first start', () => starts() === 1);
}, 60_000);
let stopProgram: () => Promise<unknown> = () => Promise.resolve();
afterAll(async () => {
  await Promise.all(children.splice(0).map(end));
  await stopProgram();
  await scenario.stop();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

async function specOf(resource: string) {
  const [row] = await scenario.plane.rows<{
    spec: Parameters<ReturnType<typeof createProcessRuntime>['stop']>[0]['spec'];
  }>('select spec from resources where resource = $1', resource);
  if (row === undefined) throw new Error(`no resource ${resource}`);
  return row.spec;
}

function starts(): number {
  const file = join(home, 'starts');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).length : 0;
}

async function startWorker(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-r', HOOK, join(ROOT, 'test/support/host-worker.ts')], {
    stdio: ['pipe', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  const { address, namespace } = scenario.plane.temporal;
  child.stdin?.end(JSON.stringify({ address, namespace, host: 'a', home, crash: 'never' }));
  await new Promise((resolve) => child.once('message', resolve));
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}

test('while the worker of its host is away a resource is held, and says so; when it is back it is acted on once', async () => {
  scenario.set(NAME, { up: 0 });
  expect(await scenario.untilHeld(NAME, 'web-down', 'host_away')).toBe(
    'no worker polls for host a: start ./vigil worker --host a there',
  );
  expect((await scenario.why(NAME)).text.join('\n')).toContain('held back by host_away');
  expect(await scenario.actionsOf(NAME)).toEqual([]);
  await startWorker();
  await waitFor('the restart', () => starts() === 2, 45_000);
  scenario.set(NAME, { up: 1 });
  await scenario.plane.recorded(NAME, 'succeeded');
  expect(starts()).toBe(2);
  expect(await scenario.actionsOf(NAME)).toHaveLength(1);
}, 90_000);

test('what was handed over while it was away is not done late', async () => {
  await Promise.all(children.splice(0).map(end));
  await waitFor(
    'the cooldown to end',
    async () => (await scenario.phaseOf(NAME, 'web-down')) === 'inactive',
  );
  scenario.set(NAME, { up: 0 });
  // Temporal takes the worker for present for a while, so that the action is handed over.
  const id = await scenario.plane.recorded(NAME, 'cancelled', 30_000);
  const handedOver = (await scenario.actionsOf(NAME)).find((action) => action.id === id);
  expect(handedOver?.reason).toBe('host_away: host a did not begin within 5 s');
  scenario.set(NAME, { up: 1 });
  await waitFor(
    'everything to be over',
    async () => {
      const open = await scenario.plane.rows(`select 1 from requests where state <> 'closed'`);
      return open.length === 0 && (await scenario.phaseOf(NAME, 'web-down')) === 'inactive';
    },
    20_000,
  );
  await startWorker();
  // That it takes up what is handed over now shows that it would have taken up the rest.
  scenario.set(NAME, { up: 0 });
  await waitFor('the restart', () => starts() > 2, 45_000);
  scenario.set(NAME, { up: 1 });
  await waitFor(
    'its success',
    async () =>
      (await scenario.actionsOf(NAME)).filter(({ outcome }) => outcome === 'succeeded').length ===
      2,
    20_000,
  );
  expect(starts()).toBe(3);
}, 120_000);
