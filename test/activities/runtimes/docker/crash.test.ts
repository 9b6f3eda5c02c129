import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDockerRuntime } from '../../../../activities/runtimes/docker/runtime';
import { TransientError, type Runtime, type StepResult } from '../../../../domain/action/runtime';
import type { StepParams } from '../../../../domain/policy/policy';
import { describeWithDocker, dockerHost } from '../../../support/docker-engine';
import { waitFor } from '../../../support/wait';
import { createDyingEngine } from './dying-engine';
import { createBench, goOn, KEY, type Bench } from './support';

/** Ends with 3 where BROKEN is set. */
const SUBJECT = [
  'sh',
  '-c',
  '[ -z "$BROKEN" ] || exit 3; trap "exit 0" TERM; echo up; sleep 1000 & wait',
];
const scaling = { min: 1, max: 4 };

let bench: Bench;

beforeEach(() => {
  bench = createBench();
});
afterEach(() => bench.tearDown());

/** A worker that is gone after its n-th call that changes something; false: it ended before. */
async function diesAt(
  dieAt: number,
  when: 'before' | 'after',
  act: (runtime: Runtime) => Promise<unknown>,
): Promise<boolean> {
  const socket = join(bench.home, `engine-${dieAt}.sock`);
  const dying = await createDyingEngine(dockerHost(), { socket, dieAt, when });
  const runtime = createDockerRuntime({ home: bench.home, now: () => Date.now(), socket });
  try {
    await act(runtime);
  } catch (error) {
    if (dying.calls() >= dieAt) expect(error).toBeInstanceOf(TransientError);
  } finally {
    await dying.close();
  }
  return dying.calls() >= dieAt;
}

interface Case {
  action: string;
  params?: StepParams;
  replicas?: number;
  /** Those to die at, where others have been tried with another verb; else all. */
  at?: number[];
  /** Calls that change something, when nothing dies. */
  calls: number;
  /** Starts of containers by the step, however often it was tried. */
  starts: number;
  /** What stands in the end. */
  end: string[];
  fails?: string;
}

const CASES: Case[] = [
  { action: 'restart', calls: 5, starts: 1, end: ['web-1'] },
  { action: 'restart', replicas: 2, calls: 10, at: [5, 7], starts: 2, end: ['web-1', 'web-2'] },
  {
    ...{ action: 'update', params: { image: 'vigil-test:2' }, calls: 5, at: [3, 5] },
    ...{ starts: 1, end: ['web-1'] },
  },
  {
    ...{ action: 'update', params: { env: 'BROKEN=1' }, calls: 6, starts: 2 },
    ...{ end: ['web-1', 'web-1-failed'], fails: 'it ended with code 3' },
  },
  { action: 'scale', params: { by: 1 }, calls: 2, starts: 1, end: ['web-1', 'web-2'] },
  { action: 'scale', params: { to: 1 }, replicas: 2, calls: 2, starts: 0, end: ['web-1'] },
  { action: 'stop', calls: 1, starts: 0, end: ['web-1'] },
  { action: 'pause', calls: 1, starts: 0, end: ['web-1'] },
];
const POINTS = CASES.flatMap((one) => {
  const points = one.at ?? Array.from({ length: one.calls }, (_, i) => i + 1);
  return points.flatMap((dieAt) =>
    (['before', 'after'] as const).map((when) => ({
      ...{ params: {}, replicas: 1, dieAt, when },
      ...one,
    })),
  );
});

describeWithDocker('a worker that is killed around its call', () => {
  test.each(POINTS)('$action $params of $replicas: $when call $dieAt', async (given) => {
    const { action, params, replicas, dieAt, when, starts, end, fails } = given;
    const runningFor = fails === undefined ? '100ms' : '2s';
    const target = bench.target({ replicas, command: SUBJECT, runningFor }, { scaling });
    await bench.runtime.ensureRunning(target);
    const before = await bench.events('start');
    const asked = await bench.request(target, action, { params });
    expect(await diesAt(dieAt, when, (runtime) => runtime.execute(asked, goOn))).toBe(true);

    // As the next attempt does: it is asked first, and done only if need be.
    const again = async (): Promise<unknown> =>
      (await bench.runtime.findDone(asked)) ?? (await bench.runtime.execute(asked, goOn));
    if (fails === undefined)
      expect(await again()).toMatchObject({ summary: expect.anything() as string });
    else await expect(again()).rejects.toThrow(fails);

    const stands = await bench.containers();
    expect(Object.keys(stands)).toEqual(end);
    expect((await bench.events('start')).length - before.length).toBe(starts);
    const first = stands['web-1'];
    expect(first?.State.Running).toBe(action !== 'stop');
    if (fails !== undefined) expect(before).toContain(first?.Id);
  });

  test('the last of the calls is the last: one more never comes', async () => {
    for (const { action, params = {}, replicas = 1, calls, fails } of CASES) {
      const runningFor = fails === undefined ? '100ms' : '2s';
      const target = bench.target({ replicas, command: SUBJECT, runningFor }, { scaling });
      await bench.runtime.ensureRunning(target);
      const asked = await bench.request(target, action, { params });
      const died = await diesAt(calls + 1, 'before', (runtime) => runtime.execute(asked, goOn));
      expect({ action, params, died }).toEqual({ action, params, died: false });
      await bench.tearDown();
      bench = createBench();
    }
  }, 60_000);

  test('what a swap left behind is put right by the next act of another action', async () => {
    const target = bench.target();
    await bench.runtime.ensureRunning(target);
    const lost = await bench.request(target, 'restart');
    await diesAt(2, 'after', (runtime) => runtime.execute(lost, goOn));
    expect(Object.keys(await bench.containers())).toEqual(['web-1', 'web-1-next']);
    expect((await bench.runtime.observe(target)).isRunning).toBe(false);

    expect(await bench.runtime.ensureRunning(target)).toMatchObject({
      summary: expect.stringContaining('started 1') as string,
    });
    expect(Object.keys(await bench.containers())).toEqual(['web-1']);
    await expect(bench.runtime.execute(lost, goOn)).rejects.toThrow('target changed');
  });

  test('a first start that was created and not started is started, not made twice', async () => {
    const target = bench.target();
    await diesAt(1, 'after', (runtime) => runtime.ensureRunning(target));
    expect((await bench.containers())['web-1']?.State.Status).toBe('created');
    await bench.runtime.ensureRunning(target);
    expect((await bench.containers())['web-1']?.State.Running).toBe(true);
    expect(await bench.events('create')).toHaveLength(1);
  });

  test('a worker that a real SIGKILL ends in the middle of a swap has acted once', async () => {
    const target = bench.target({
      command: [
        ...['sh', '-c'],
        'trap "while [ ! -e /data/go ]; do sleep 0.05; done; exit 0" TERM; echo > /data/up; sleep 1000 & wait',
      ],
      ...{ volumes: [`${bench.home}:/data`], stopTimeout: '30s' },
    });
    await bench.runtime.ensureRunning(target);
    await waitFor('it to be up', () => existsSync(join(bench.home, 'up')));
    const asked = await bench.request(target, 'restart');
    const worker = spawn(
      process.execPath,
      [
        ...['-r', join(__dirname, '../../../support/typescript-hook.cjs')],
        ...[join(__dirname, 'actor.ts'), bench.home, dockerHost(), JSON.stringify(asked)],
      ],
      { stdio: 'ignore' },
    );
    await waitFor('the old container to be told to end', async () => {
      return (await bench.events('kill')).length > 0;
    });
    worker.kill('SIGKILL');
    await new Promise((resolve) => worker.once('exit', resolve));
    writeFileSync(join(bench.home, 'go'), '');

    expect(await bench.runtime.findDone(asked)).toBeNull();
    const result: StepResult = await bench.runtime.execute(asked, goOn);
    expect(result.identity).not.toBe(asked.snapshot.identity);
    const { 'web-1': stands } = await bench.containers();
    expect(stands?.Config.Labels['vigil.action']).toBe(KEY);
    expect(await bench.events('start')).toHaveLength(2);
  });
});
