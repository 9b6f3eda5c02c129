import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createProcessRuntime } from '../../activities/runtimes/process/runtime';
import { startControlPlane, type ControlPlane } from '../support/control-plane';
import type { CrashPoint } from '../support/crashing-worker';
import { service } from '../support/manifest-objects';
import { watched } from '../support/policies';
import { waitFor } from '../support/wait';

let plane: ControlPlane;
const children: ChildProcess[] = [];

beforeEach(async () => {
  plane = await startControlPlane(() => [], { withWorker: false, sweepMs: 1000 });
}, 60_000);
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await plane.stop();
});

async function startWorker(crash: CrashPoint): Promise<ChildProcess> {
  const hook = join(__dirname, '../support/typescript-hook.cjs');
  const script = join(__dirname, '../support/crashing-worker.ts');
  const child = spawn(process.execPath, ['-r', hook, script], {
    stdio: ['pipe', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  child.stdin?.end(
    JSON.stringify({
      databaseUrl: plane.database.url,
      address: plane.temporal.address,
      namespace: plane.temporal.namespace,
      home: plane.home,
      crash,
    }),
  );
  await new Promise((resolve) => child.once('message', resolve));
  return child;
}

test.each<CrashPoint>(['before', 'during', 'after'])(
  'a worker killed %s the effect: exactly one restart',
  async (crash) => {
    const starts = join(plane.home, 'starts');
    // Writes a line at each start, and takes a second to end when asked to.
    const midway = join(plane.home, 'midway');
    const script = `echo started >> ${starts}; trap 'echo > ${midway}; sleep 1; exit 0' TERM; while :; do sleep 0.1; done`;
    const [, policy] = watched('web', 'up == 0');
    const web = service('web', {
      sync: { mode: 'detect', cooldownMs: 1000 },
      runtime: {
        type: 'process',
        command: ['/bin/sh', '-c', script],
        env: {},
        cwd: plane.home,
        stopWithVigil: false,
      },
    });
    await plane.apply(web, policy);
    const runtime = createProcessRuntime({ home: plane.home, now: Date.now });
    const target = { resource: 'default/web', spec: web.service ?? fail('no spec') };
    const count = (): number => readFileSync(starts, 'utf8').split('\n').filter(Boolean).length;
    try {
      await runtime.ensureRunning(target);
      await waitFor('the first start', () => existsSync(starts) && count() === 1);
      const first = await startWorker(crash);
      const died = new Promise((resolve) =>
        first.once('exit', (_code, signal) => {
          resolve(signal);
        }),
      );
      await plane.send('web', 'up', 0);
      expect(await died).toBe('SIGKILL');
      await startWorker('never');
      await plane.healthyUntil('web', 'succeeded');
      expect(count()).toBe(2);
      const begun = await plane.rows('select 1 from journal where ended_at is not null');
      expect(begun).toHaveLength(1);
    } finally {
      await runtime.stop(target);
    }
  },
  120_000,
);

function fail(why: string): never {
  throw new Error(why);
}
