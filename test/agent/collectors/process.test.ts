import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProcessCollector } from '../../../agent/collectors/process';
import { bootId, readStat, TICKS_PER_SECOND } from '../../../platform/procfs';

const SLEEP = 'setInterval(() => {}, 60000)';
const check = { resource: 'test/web', tags: { namespace: 'test', resource: 'web' } };

let home: string;
let monotonic: number;
let started: ChildProcess[];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vigil-agent-'));
  monotonic = 0;
  started = [];
});
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(home, { recursive: true });
});

function run(
  options: { script?: string; owner?: string; incarnation?: string } = {},
): ChildProcess {
  const child = spawn(process.execPath, ['-e', options.script ?? SLEEP], {
    detached: true,
    stdio: 'ignore',
    env: {
      VIGIL_RESOURCE: check.resource,
      VIGIL_OWNER: options.owner ?? home,
      VIGIL_INCARNATION: options.incarnation ?? randomUUID(),
    },
  });
  started.push(child);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function record(pid: number | undefined, startTicks = readStat(pid ?? 0)?.startTicks): void {
  const folder = join(home, 'run', 'test', 'web');
  mkdirSync(folder, { recursive: true });
  const text = JSON.stringify({ bootId: bootId(), pid, startTicks, incarnation: randomUUID() });
  writeFileSync(join(folder, 'process.json'), text);
}

type Look = () => Promise<Record<string, number>>;

function createLook(): Look {
  const collect = createProcessCollector({ home, now: () => 5, monotonic: () => monotonic });
  return async () => {
    const { samples, isUrgent } = await collect(check);
    for (const sample of samples) expect(sample).toMatchObject({ tags: check.tags, timestamp: 5 });
    const values = Object.fromEntries(samples.map(({ name, value }) => [name, value]));
    expect(isUrgent).toBe(values['process_up'] === 0);
    return values;
  };
}

test('a process is found by its environment, with its memory at first and its CPU share then', async () => {
  const child = run({ script: 'for (;;);' });
  // Just forked it has next to no memory.
  while ((readStat(child.pid ?? 0)?.cpuTicks ?? 0) < 3);
  const look = createLook();
  const ticks = (): number => readStat(child.pid ?? 0)?.cpuTicks ?? 0;
  const beforeFirst = ticks();
  const first = await look();
  const afterFirst = ticks();
  expect(first['process_up']).toBe(1);
  expect(first['process_memory_bytes']).toBeGreaterThan(1e6);
  expect(first).not.toHaveProperty('process_cpu_usage');

  while (ticks() < afterFirst + 30);
  monotonic += 1000;
  const least = (ticks() - afterFirst) / TICKS_PER_SECOND;
  const share = (await look())['process_cpu_usage'];
  expect(share).toBeGreaterThanOrEqual(least);
  expect(share).toBeLessThanOrEqual((ticks() - beforeFirst) / TICKS_PER_SECOND);
});

test('once it has ended it is not up, and its successor is found within two seconds', async () => {
  const child = run();
  const look = createLook();
  expect((await look())['process_up']).toBe(1);
  await end(child);
  monotonic += 1000;
  expect(await look()).toEqual({ process_up: 0 });
  run();
  monotonic += 1000;
  const found = await look();
  expect(found['process_up']).toBe(1);
  expect(found).not.toHaveProperty('process_cpu_usage');
});

test('the record of the worker shows a process at once that its environment does not', async () => {
  const look = createLook();
  expect(await look()).not.toHaveProperty('process_up', 1);
  const child = spawn(process.execPath, ['-e', SLEEP], { stdio: 'ignore', env: {} });
  started.push(child);
  record(child.pid);
  expect((await look())['process_up']).toBe(1);
});

test('a recorded pid that went to another process is not up', async () => {
  const child = spawn(process.execPath, ['-e', SLEEP], { stdio: 'ignore', env: {} });
  started.push(child);
  record(child.pid, 1);
  expect(await createLook()()).toEqual({ process_up: 0 });
});

test('the process of another Vigil on the same host is none of ours', async () => {
  run({ owner: '/another/home' });
  expect(await createLook()()).not.toHaveProperty('process_up', 1);
});

test('what a process has left behind is not taken for it', async () => {
  const incarnation = randomUUID();
  const leader = run({ incarnation });
  // A later start time, as a descendant has it.
  const ticks = readStat(leader.pid ?? 0)?.startTicks;
  let descendant = run({ incarnation });
  while (readStat(descendant.pid ?? 0)?.startTicks === ticks) descendant = run({ incarnation });
  const look = createLook();
  expect((await look())['process_up']).toBe(1);
  await end(leader);
  monotonic += 5000;
  expect(await look()).toEqual({ process_up: 0 });
  expect(readStat(descendant.pid ?? 0)).not.toBeNull();
});
