import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  killProcess,
  localProcess,
  processesOfRun,
  RUN_VARIABLE,
  signalRun,
} from '../../../cli/simulate/local-process';
import { bootId, readStat } from '../../../platform/procfs';

const RUN = `test-${process.pid}`;
let child: ChildProcess;
let pid: number;
let startTicks: number;
let ended: Promise<unknown>;

beforeEach(async () => {
  child = spawn(process.execPath, ['-e', 'console.log("up"); setInterval(() => {}, 1000)'], {
    env: { ...process.env, [RUN_VARIABLE]: RUN },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  ended = once(child, 'exit');
  if (child.stdout !== null) await once(child.stdout, 'data');
  pid = child.pid ?? 0;
  startTicks = readStat(pid)?.startTicks ?? 0;
});
afterEach(async () => {
  child.kill('SIGKILL');
  await ended;
});

test('kills exactly the process of the identity', async () => {
  expect(killProcess(`${bootId()}:${pid}:${startTicks}`)).toBe(pid);
  await ended;
  expect(child.signalCode).toBe('SIGKILL');
});

test.each<[string, () => string, string]>([
  ['of another boot', () => `other-boot:${pid}:${startTicks}`, 'another machine'],
  ['whose pid is reused', () => `${bootId()}:${pid}:${startTicks - 1}`, 'not to be seen'],
  ['that is none', () => 'container-4f1c', 'no identity of a process'],
])('an identity %s is refused and nothing is killed', (_, identity, words) => {
  expect(() => killProcess(identity())).toThrow(words);
  expect(localProcess(`${bootId()}:${pid}:${startTicks}`)).toEqual({ pid, startTicks });
});

test('finds and ends the processes of a run, and no others', async () => {
  expect(processesOfRun(RUN)).toEqual([pid]);
  expect(signalRun('another-run', 'SIGKILL')).toBe(0);
  expect(signalRun(RUN, 'SIGTERM')).toBe(1);
  await ended;
  expect(child.signalCode).toBe('SIGTERM');
  expect(processesOfRun(RUN)).toEqual([]);
});
