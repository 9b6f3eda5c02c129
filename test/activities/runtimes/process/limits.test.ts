import { readdirSync, readFileSync } from 'node:fs';
import {
  findControlGroups,
  limitFiles,
} from '../../../../activities/runtimes/process/control-groups';
import { isRunning, readStat } from '../../../../platform/procfs';
import { waitFor } from '../../../support/wait';
import { createBench, goOn, NODE, pidOf, request, type Bench } from './support';

let bench: Bench;
beforeEach(() => {
  bench = createBench();
});
afterEach(() => bench.tearDown());

describe('open files', () => {
  test('are limited for the process itself', async () => {
    const started = await bench.runtime.ensureRunning(bench.target({ limits: { openFiles: 123 } }));
    await waitFor('its limits', () =>
      /Max open files\s+123\s+123/.test(
        readFileSync(`/proc/${pidOf(started?.identity)}/limits`, 'utf8'),
      ),
    );
  });

  test('beyond what the kernel grants are an error before anything is stopped', async () => {
    const before = await bench.runtime.ensureRunning(bench.target());
    const target = bench.target({ limits: { openFiles: 2 ** 40 } });
    const asked = await request(bench, 'restart', { target });
    await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow(
      'the limit "openFiles" cannot be enforced: ',
    );
    expect((await bench.runtime.inspect(target)).identity).toBe(before?.identity);
  });
});

/** Of the controllers whose groups this run may write. */
const groups = findControlGroups();
const isRoot = process.getuid?.() === 0;
const withGroups =
  isRoot && (groups.legacy.has('memory') || groups.unified !== null) ? test : test.skip;

function ownGroups(): string[] {
  const trees = [groups.unified, ...groups.legacy.values()].filter((tree) => tree !== null);
  return trees.flatMap((tree) =>
    readdirSync(tree)
      .filter((name) => name.startsWith('vigil.') && name.endsWith('.test.web'))
      .map((name) => `${tree}/${name}`),
  );
}

withGroups('memory is limited by the kernel: what takes more is killed', async () => {
  const script = `const kept = []; setInterval(() => kept.push(Buffer.alloc(2 ** 22, 1)), 5)`;
  const limits = { memoryBytes: 128 * 2 ** 20, cpuPercent: 90, processes: 40 };
  const target = bench.target({ command: [NODE, '-e', script], limits });
  const pid = pidOf((await bench.runtime.ensureRunning(target))?.identity);
  await waitFor('its end', () => !isRunning(readStat(pid)));
  await bench.runtime.stop(target);
  expect(ownGroups()).toEqual([]);
});

withGroups('processes are limited with all that they start', async () => {
  const script = `for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; echo started; wait`;
  const target = bench.target({
    command: ['/bin/sh', '-c', script],
    limits: { processes: 4 },
  });
  const { identity } = (await bench.runtime.ensureRunning(target)) ?? {};
  await waitFor('the refusal', () =>
    readFileSync(bench.path('stderr.log'), 'utf8').includes('Cannot fork'),
  );
  const [folder = ''] = ownGroups();
  // The shell gives up at the refusal; what it had started is left.
  const members = readFileSync(`${folder}/cgroup.procs`, 'utf8').trim().split('\n').map(Number);
  expect(members.map((pid) => readStat(pid)?.sessionId)).toContain(pidOf(identity));
  expect(members.length).toBeLessThanOrEqual(4);
  expect(readFileSync(`${folder}/pids.max`, 'utf8').trim()).toBe('4');
});

describe('the files of the kernel', () => {
  const LIMITS = { memoryBytes: 1024, cpuPercent: 50, openFiles: 9, processes: 7 };

  test('are those of version 2 where it has the controllers', () => {
    const found = findControlGroups('cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n');
    expect(found.unified).toBe('/sys/fs/cgroup');
    expect(limitFiles(LIMITS, found)).toEqual([
      { controller: 'memory', version: 2, file: 'memory.max', value: '1024' },
      { controller: 'cpu', version: 2, file: 'cpu.max', value: '50000 100000' },
      { controller: 'pids', version: 2, file: 'pids.max', value: '7' },
    ]);
  });

  test('are those of version 1 for a controller that is mounted so', () => {
    const found = findControlGroups(
      'cgroup /cg/memory cgroup rw,memory 0 0\ncgroup /cg/cpu cgroup rw,cpu,cpuacct 0 0\ncgroup2 /cg/unified cgroup2 rw 0 0\n',
    );
    expect(limitFiles({ memoryBytes: 1024, cpuPercent: 50 }, found)).toEqual([
      { controller: 'memory', version: 1, file: 'memory.limit_in_bytes', value: '1024' },
      { controller: 'cpu', version: 1, file: 'cpu.cfs_period_us', value: '100000' },
      { controller: 'cpu', version: 1, file: 'cpu.cfs_quota_us', value: '50000' },
    ]);
  });
});
