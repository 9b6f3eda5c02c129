import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TransientError, type StepResult } from '../../../../domain/action/runtime';
import { driftOf } from '../../../../domain/drift/diff';
import {
  isAlive,
  isRunning,
  listPids,
  readEnvironment,
  readStat,
} from '../../../../platform/procfs';
import { waitFor } from '../../../support/wait';
import {
  createBench,
  goOn,
  NODE,
  pidOf,
  request,
  SLEEPER,
  variableOf,
  type Bench,
} from './support';

let bench: Bench;
beforeEach(() => {
  bench = createBench({ stopTimeoutMs: 2_000 });
});
afterEach(() => bench.tearDown());

function runs(pid: number): boolean {
  return isRunning(readStat(pid));
}

/** Pids of every live process that carries the marks of this test's home. */
function marked(): number[] {
  return listPids().filter(
    (pid) => runs(pid) && readEnvironment(pid)?.get('VIGIL_OWNER') === bench.home,
  );
}

describe('starting', () => {
  test('a process that was never started is absent, and after its first start it is not', async () => {
    const target = bench.target();
    expect(await bench.runtime.observe(target)).toMatchObject({ isAbsent: true, isRunning: false });
    const started = await bench.runtime.ensureRunning(target);
    expect(await bench.runtime.observe(target)).toEqual({
      identity: started?.identity,
      isRunning: true,
      isAbsent: false,
      command: SLEEPER,
      env: {},
      config: [],
    });
  });

  test('a process that runs is not started again, whoever asks at the same time', async () => {
    const target = bench.target();
    const answers = await Promise.all([1, 2, 3].map(() => bench.runtime.ensureRunning(target)));
    expect(answers.filter((answer) => answer !== null)).toHaveLength(1);
    expect(marked()).toHaveLength(1);
  });

  test('it leads a session of its own and knows its resource, its start and its folder', async () => {
    const { identity } = (await bench.runtime.ensureRunning(bench.target())) ?? {};
    const pid = pidOf(identity);
    expect(readStat(pid)).toMatchObject({ sessionId: pid, groupId: pid });
    expect(variableOf(identity, 'VIGIL_RESOURCE')).toBe('test/web');
    expect(variableOf(identity, 'VIGIL_ACTION_ID')).toBe('start');
  });

  test('it gets the basics and the variables of the manifest, and nothing else of the worker', async () => {
    process.env['VIGIL_TEST_PRIVATE'] = 'private';
    const target = bench.target({ env: { PORT: '3000' } });
    const { identity } = (await bench.runtime.ensureRunning(target)) ?? {};
    delete process.env['VIGIL_TEST_PRIVATE'];
    expect(variableOf(identity, 'PORT')).toBe('3000');
    expect(variableOf(identity, 'PATH')).toBe(process.env['PATH']);
    expect(variableOf(identity, 'VIGIL_TEST_PRIVATE')).toBeUndefined();
  });

  test('it survives the SIGKILL of its starter, and another worker finds it', async () => {
    const target = bench.target();
    const hook = join(__dirname, '../../../support/typescript-hook.cjs');
    const starter = spawn(
      NODE,
      ['-r', hook, join(__dirname, 'starter.ts'), bench.home, JSON.stringify(target)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = await new Promise<string[]>((resolve) => {
      createInterface(starter.stdout).once('line', (text) => {
        resolve([text]);
      });
    });
    const { identity } = JSON.parse(line ?? '') as StepResult;
    starter.kill('SIGKILL');
    await new Promise((resolve) => starter.once('exit', resolve));
    expect(runs(pidOf(identity))).toBe(true);
    expect((await bench.runtime.inspect(target)).identity).toBe(identity);
    expect(await bench.runtime.ensureRunning(target)).toBeNull();
  });

  test.each([
    ['no such program', ['vigil-no-such-program'], 'vigil-no-such-program" (ENOENT)'],
    ['a path that is not there', ['./missing'], './missing" (ENOENT)'],
    ['a file without the right to execute', ['./plain.txt'], 'chmod +x'],
  ])('%s is an error that names command and remedy, and is not tried again', async (...given) => {
    const [, command, message] = given;
    writeFileSync(join(bench.home, 'plain.txt'), 'text', { mode: 0o644 });
    const attempt = bench.runtime.ensureRunning(bench.target({ command }));
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.not.toBeInstanceOf(TransientError);
  });

  test('a working folder that is not there is named', async () => {
    const cwd = join(bench.home, 'nowhere');
    await expect(bench.runtime.ensureRunning(bench.target({ cwd }))).rejects.toThrow(cwd);
  });

  test('a process that ends at once is started all the same, and then not running', async () => {
    const target = bench.target({ command: ['/bin/sh', '-c', 'echo gone; exit 3'] });
    const started = await bench.runtime.ensureRunning(target);
    expect(started?.identity).toMatch(/^[0-9a-f-]{36}:\d+:[1-9]\d*$/);
    await waitFor('its end', async () => !(await bench.runtime.observe(target)).isRunning);
    expect(await bench.runtime.observe(target)).toMatchObject({ isAbsent: false, identity: null });
    expect(readFileSync(bench.path('stdout.log'), 'utf8')).toBe('gone\n');
  });

  test('the first start writes the config files that the process needs', async () => {
    const config = [{ kind: 'content' as const, path: 'conf/web.ini', content: 'a=1\n' }];
    await bench.runtime.ensureRunning(bench.target({}, { config }));
    expect(readFileSync(join(bench.home, 'conf/web.ini'), 'utf8')).toBe('a=1\n');
  });
});

describe('restart', () => {
  test('replaces the process by one that carries the key of the step', async () => {
    const target = bench.target();
    const before = await bench.runtime.ensureRunning(target);
    const asked = await request(bench, 'restart_service', { target });
    const after = await bench.runtime.execute(asked, goOn);
    expect(after.identity).not.toBe(before?.identity);
    expect(runs(pidOf(before?.identity))).toBe(false);
    expect(variableOf(after.identity, 'VIGIL_ACTION_ID')).toBe(asked.key);
  });

  test('twice with the same key does it once', async () => {
    const target = bench.target();
    await bench.runtime.ensureRunning(target);
    const asked = await request(bench, 'restart', { target });
    const first = await bench.runtime.execute(asked, goOn);
    const second = await bench.runtime.execute(asked, goOn);
    expect(second.identity).toBe(first.identity);
    expect(marked()).toHaveLength(1);
  });

  test('two at the same time with the same key do it once', async () => {
    const target = bench.target();
    await bench.runtime.ensureRunning(target);
    const asked = await request(bench, 'restart', { target });
    const [a, b] = await Promise.all([
      bench.runtime.execute(asked, goOn),
      bench.runtime.execute(asked, goOn),
    ]);
    expect(a.identity).toBe(b.identity);
  });

  test('starts what does not run', async () => {
    const target = bench.target();
    const { identity } = await bench.runtime.execute(
      await request(bench, 'restart', { target }),
      goOn,
    );
    expect(runs(pidOf(identity))).toBe(true);
  });

  test('refuses when somebody else replaced the process since the snapshot', async () => {
    const target = bench.target();
    await bench.runtime.ensureRunning(target);
    const late = await request(bench, 'restart', { target, key: 'late/0' });
    const other = await bench.runtime.execute(await request(bench, 'restart', { target }), goOn);
    await expect(bench.runtime.execute(late, goOn)).rejects.toThrow('target changed');
    expect((await bench.runtime.inspect(target)).identity).toBe(other.identity);
  });

  test('does nothing when aborted before its effect', async () => {
    const target = bench.target();
    const before = await bench.runtime.ensureRunning(target);
    const asked = await request(bench, 'restart', { target });
    await expect(
      bench.runtime.execute(asked, AbortSignal.abort(new Error('cancelled'))),
    ).rejects.toThrow('cancelled');
    expect((await bench.runtime.inspect(target)).identity).toBe(before?.identity);
  });

  test('brings to its end what had begun when it was aborted', async () => {
    const script =
      'process.on("SIGTERM", () => console.log("asked")); console.log("ready"); setInterval(() => {}, 60000)';
    const target = bench.target({ command: [NODE, '-e', script] });
    const before = await bench.runtime.ensureRunning(target);
    const log = (): string => readFileSync(bench.path('stdout.log'), 'utf8');
    await waitFor('the handler', () => log().includes('ready'));
    const abort = new AbortController();
    const asked = await request(bench, 'restart', { target });
    const running = bench.runtime.execute(asked, abort.signal);
    await waitFor('SIGTERM to arrive', () => log().includes('asked'));
    abort.abort();
    expect(runs(pidOf((await running).identity))).toBe(true);
    expect(runs(pidOf(before?.identity))).toBe(false);
  });

  test('does not stop a process that it could not bring back', async () => {
    const before = await bench.runtime.ensureRunning(bench.target());
    for (const wrong of [
      bench.target({ command: ['vigil-no-such-program'] }),
      bench.target({ env: { KEY: 'file:/nowhere/key' } }),
    ]) {
      const asked = await request(bench, 'restart', { target: wrong });
      await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow(/ENOENT/);
    }
    expect(runs(pidOf(before?.identity))).toBe(true);
  });

  test('an action that the runtime lacks is refused by name', async () => {
    const asked = await request(bench, 'scale', { target: bench.target() });
    await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow(
      'has no action "scale"; it has restart, start, stop, reload, sync',
    );
  });
});

describe('after a crash', () => {
  test('a start whose record was not written is found by its key', async () => {
    const target = bench.target();
    await bench.runtime.ensureRunning(target);
    const asked = await request(bench, 'restart', { target });
    expect(await bench.runtime.findDone(asked)).toBeNull();
    const { identity } = await bench.runtime.execute(asked, goOn);
    rmSync(bench.path('process.json'));
    expect(await bench.runtime.findDone(asked)).toMatchObject({ identity });
    expect(await bench.runtime.execute(asked, goOn)).toMatchObject({ identity });
    expect(await bench.runtime.findDone({ ...asked, key: 'another/0' })).toBeNull();
    expect(await bench.runtime.observe(target)).toMatchObject({
      isRunning: true,
      command: SLEEPER,
    });
  });

  test('a damaged record is as good as none', async () => {
    const target = bench.target();
    const started = await bench.runtime.ensureRunning(target);
    writeFileSync(bench.path('process.json'), '{"pid":');
    expect((await bench.runtime.inspect(target)).identity).toBe(started?.identity);
  });

  test('a later process with the same pid is another one and is left alone', async () => {
    const target = bench.target();
    const stranger = spawn(NODE, ['-e', 'setInterval(() => {}, 60000)'], { detached: true });
    const { pid = 0 } = stranger;
    await bench.runtime.ensureRunning(target);
    await bench.runtime.stop(target);
    const record = JSON.parse(readFileSync(bench.path('process.json'), 'utf8')) as object;
    const startTicks = (readStat(pid)?.startTicks ?? 0) - 1;
    writeFileSync(bench.path('process.json'), JSON.stringify({ ...record, pid, startTicks }));

    expect((await bench.runtime.inspect(target)).identity).toBeNull();
    await bench.runtime.execute(await request(bench, 'stop', { target }), goOn);
    expect(runs(pid)).toBe(true);
    stranger.kill('SIGKILL');
  });

  test('a record of before the last boot names nothing', async () => {
    const target = bench.target();
    await bench.runtime.ensureRunning(target);
    const text = readFileSync(bench.path('process.json'), 'utf8');
    const record = JSON.parse(text) as { pid: number; startTicks: number };
    const pid = process.pid;
    await bench.runtime.stop(target);
    const startTicks = readStat(pid)?.startTicks;
    writeFileSync(
      bench.path('process.json'),
      JSON.stringify({ ...record, bootId: 'another boot', pid, startTicks }),
    );
    expect((await bench.runtime.inspect(target)).identity).toBeNull();
  });

  test('what a killed process left behind is ended before the next start', async () => {
    const script = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 60000)'], { stdio: 'ignore' }); setInterval(() => {}, 60000)`;
    const target = bench.target({ command: [NODE, '-e', script] });
    const first = await bench.runtime.ensureRunning(target);
    const [child = 0] = await waitFor('the child', () => {
      const children = marked().filter((pid) => pid !== pidOf(first?.identity));
      return children.length === 1 && children;
    });
    process.kill(pidOf(first?.identity), 'SIGKILL');
    await waitFor('its end', () => !runs(pidOf(first?.identity)));
    expect((await bench.runtime.inspect(target)).identity).toBeNull();
    await bench.runtime.ensureRunning(target);
    expect(runs(child)).toBe(false);
  });

  test('a detached descendant is not taken for the process', async () => {
    const script = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 60000)'], { stdio: 'ignore', detached: true }); setInterval(() => {}, 60000)`;
    const target = bench.target({ command: [NODE, '-e', script] });
    const first = await bench.runtime.ensureRunning(target);
    await waitFor('the descendant', () => marked().length === 2);
    process.kill(pidOf(first?.identity), 'SIGKILL');
    await waitFor('the end of its leader', () => !runs(pidOf(first?.identity)));
    expect((await bench.runtime.inspect(target)).identity).toBeNull();
  });
});

describe('stop', () => {
  test('ends the process and all that it started, and is done then', async () => {
    const target = bench.target({ command: ['/bin/sh', '-c', 'sleep 1000 & sleep 1000'] });
    await bench.runtime.ensureRunning(target);
    await waitFor('its children', () => marked().length === 3);
    const asked = await request(bench, 'stop', { target });
    expect(await bench.runtime.findDone(asked)).toBeNull();
    expect(await bench.runtime.execute(asked, goOn)).toMatchObject({ identity: null });
    expect(marked()).toEqual([]);
    expect(await bench.runtime.findDone(asked)).toMatchObject({ identity: null });
    expect(await bench.runtime.observe(target)).toMatchObject({
      isRunning: false,
      isAbsent: false,
    });
  });

  test('kills what ignores SIGTERM after the stop timeout', async () => {
    const quick = createBench({ stopTimeoutMs: 200 });
    const target = quick.target({
      command: [
        NODE,
        '-e',
        'process.on("SIGTERM", () => {}); console.log("deaf"); setInterval(() => {}, 60000)',
      ],
    });
    const started = await quick.runtime.ensureRunning(target);
    await waitFor('the handler', () => readFileSync(quick.path('stdout.log'), 'utf8') === 'deaf\n');
    expect(await quick.runtime.stop(target)).toBe(true);
    expect(runs(pidOf(started?.identity))).toBe(false);
    await quick.tearDown();
  });

  test('of what does not run says so', async () => {
    expect(await bench.runtime.stop(bench.target())).toBe(false);
  });

  test('never ends the process that it runs in', async () => {
    const target = bench.target();
    await bench.runtime.ensureRunning(target);
    await bench.runtime.stop(target);
    const record = JSON.parse(readFileSync(bench.path('process.json'), 'utf8')) as object;
    const own = readStat(process.ppid);
    writeFileSync(
      bench.path('process.json'),
      JSON.stringify({ ...record, pid: own?.pid, startTicks: own?.startTicks }),
    );
    await expect(bench.runtime.stop(target)).rejects.toThrow('which Vigil itself runs in');
    rmSync(bench.path('process.json'));
    expect(own !== null && isAlive(own)).toBe(true);
  });
});

describe('secrets', () => {
  test('are given to the process and stand for themselves in what is observed', async () => {
    writeFileSync(join(bench.home, 'key'), 'hunter2\n');
    const env = { KEY: `file:${join(bench.home, 'key')}`, MODE: 'demo' };
    const target = bench.target({ env });
    const started = await bench.runtime.ensureRunning(target);
    expect(variableOf(started?.identity, 'KEY')).toBe('hunter2');
    const observed = await bench.runtime.observe(target);
    expect(observed.env).toEqual(env);
    expect(JSON.stringify([observed, started])).not.toContain('hunter2');
    expect(readFileSync(bench.path('process.json'), 'utf8')).not.toContain('hunter2');
  });

  test('whose value was changed since are told as changed, and shown to nobody', async () => {
    const path = join(bench.home, 'key');
    writeFileSync(path, 'hunter2');
    const reference = `file:${path}`;
    const target = bench.target({ env: { KEY: reference, NEW: reference } });
    await bench.runtime.ensureRunning(bench.target({ env: { KEY: reference } }));
    writeFileSync(path, 'hunter3');
    const observed = await bench.runtime.observe(target);
    expect(driftOf(target.spec, observed, { sha256: () => '' })).toMatchObject([
      { pointer: '/env/KEY', kind: 'changed', desired: reference, observed: '(not shown)' },
      { pointer: '/env/NEW', kind: 'missing', desired: reference, observed: null },
    ]);
  });

  test('are not told once the manifest gives a plain text, nor when it names them no longer', async () => {
    const path = join(bench.home, 'key');
    writeFileSync(path, 'hunter2');
    await bench.runtime.ensureRunning(bench.target({ env: { KEY: `file:${path}` } }));
    const plain = bench.target({ env: { KEY: 'open' } });
    expect((await bench.runtime.observe(plain)).env).toEqual({ KEY: `file:${path}` });
    expect((await bench.runtime.observe(bench.target())).env).toEqual({ KEY: `file:${path}` });
    rmSync(bench.path('process.json'));
    expect((await bench.runtime.observe(plain)).env).toEqual({ KEY: '(not shown)' });
    const asked = await request(bench, 'sync', { target: plain });
    await bench.runtime.execute(asked, goOn);
    expect((await bench.runtime.observe(plain)).env).toEqual({ KEY: 'open' });
  });
});

describe('logs', () => {
  test('are rotated by size while the process keeps writing', async () => {
    const small = createBench({ logMaxBytes: 2_000, logFiles: 2 });
    const target = small.target({
      command: [
        NODE,
        '-e',
        'let n = 0; setInterval(() => console.log("line " + n++ + "-".repeat(90)), 2)',
      ],
    });
    await small.runtime.ensureRunning(target);
    await waitFor('the third log', async () => {
      await small.runtime.observe(target);
      return existsSync(small.path('stdout.log.2'));
    });
    const before = readFileSync(small.path('stdout.log'), 'utf8').length;
    await waitFor(
      'new lines',
      () => readFileSync(small.path('stdout.log'), 'utf8').length > before,
    );
    expect(readFileSync(small.path('stdout.log'), 'utf8')).toMatch(/^line \d+-/);
    expect(existsSync(small.path('stdout.log.3'))).toBe(false);
    await small.tearDown();
  });
});
