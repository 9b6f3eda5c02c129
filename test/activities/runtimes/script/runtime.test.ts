import { readFileSync, symlinkSync, writeFileSync, existsSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createScriptRuntime } from '../../../../activities/runtimes/script/runtime';
import { TransientError, UnknownEffectError } from '../../../../domain/action/runtime';
import { isRunning, readStat } from '../../../../platform/procfs';
import { waitFor } from '../../../support/wait';
import { createBench, KEY, type Bench } from './support';

let bench: Bench;
beforeEach(() => {
  bench = createBench();
});
afterEach(() => {
  bench.tearDown();
});

/** The error that work ends with; fails when it ends well. */
async function failure(work: Promise<unknown>): Promise<Error> {
  const error: unknown = await work.then(
    () => null,
    (cause: unknown) => cause,
  );
  if (error instanceof Error) return error;
  throw new Error('it ended well');
}

function runs(pid: number): boolean {
  return isRunning(readStat(pid));
}

async function pidIn(path: string): Promise<number> {
  return Number(
    await waitFor(
      `a pid in ${path}`,
      () => existsSync(path) && (readFileSync(path, 'utf8').trim() || null),
    ),
  );
}

describe('what may be run', () => {
  const runsNowhere = 'worker.script.folders';

  test('a worker without allowed folders runs nothing and names the setting', async () => {
    const path = bench.write('fix.sh', 'true');
    const runtime = createScriptRuntime({ folders: [], now: Date.now });
    const request = await bench.request(bench.target({ command: [path] }));
    const error = await failure(runtime.execute(request, new AbortController().signal));
    expect(error.message).toContain(runsNowhere);
    expect(error.message).toContain('VIGIL_WORKER_SCRIPT_FOLDERS');
    expect(error).not.toBeInstanceOf(TransientError);
  });

  test.each([
    ['by ..', './../out.sh'],
    ['by its full path', 'HOME/out.sh'],
    ['by a link to a file', './link.sh'],
    ['by a link to a folder', './folder/out.sh'],
    ['in a folder whose name only begins like the allowed one', 'HOME/scripts-old/out.sh'],
  ])('a program outside of the allowed folders is refused: %s', async (_, program) => {
    const ran = join(bench.home, 'ran');
    for (const name of ['../out.sh', '../other/out.sh', '../scripts-old/out.sh']) {
      bench.write(name, `touch ${ran}`);
    }
    symlinkSync('../out.sh', join(bench.scripts, 'link.sh'));
    symlinkSync('../other', join(bench.scripts, 'folder'));
    const command = [program.replace('HOME', bench.home)];
    const error = await failure(bench.act(bench.target({ command })));
    expect(error.message).toContain('may not be run');
    expect(error.message).toContain(runsNowhere);
    expect(existsSync(ran)).toBe(false);
  });

  test('a working folder elsewhere does not widen what may be run', async () => {
    bench.write('../out.sh', 'true');
    const target = bench.target({ command: ['./out.sh'] }, { spec: { cwd: bench.home } });
    expect((await failure(bench.act(target))).message).toContain('may not be run');
  });

  test('a link inside of the allowed folder, and an allowed folder that is a link, are fine', async () => {
    bench.write('real/fix.sh', 'echo "$PWD"');
    symlinkSync('real/fix.sh', join(bench.scripts, 'fix.sh'));
    symlinkSync('scripts', join(bench.home, 'alias'));
    const runtime = createScriptRuntime({ folders: [join(bench.home, 'alias')], now: Date.now });
    const request = await bench.request(bench.target({}));
    const { details } = await runtime.execute(request, new AbortController().signal);
    expect(details).toMatchObject({ exitCode: 0, stdout: { lastLines: [bench.scripts] } });
  });

  test.each([
    ['is not there', () => undefined],
    [
      'may not be executed',
      () => {
        writeFileSync(join(bench.scripts, 'fix.sh'), 'text', { mode: 0o644 });
      },
    ],
    [
      'is no file',
      () => {
        mkdirSync(join(bench.scripts, 'fix.sh'));
      },
    ],
  ])('a program that %s is named, and not tried again', async (message, prepare) => {
    prepare();
    const error = await failure(bench.act(bench.target({})));
    expect(error.message).toContain('fix.sh');
    expect(error.message).toContain(message);
    expect(error).not.toBeInstanceOf(TransientError);
  });

  test('a program of that name in PATH is not looked for', async () => {
    const error = await failure(bench.act(bench.target({ command: ['ls'] })));
    expect(error.message).toContain('"ls" is not there');
  });

  test('a working folder that is not there is named', async () => {
    const path = bench.write('fix.sh', 'true');
    const target = bench.target({ command: [path] }, { spec: { cwd: join(bench.home, 'gone') } });
    expect((await failure(bench.act(target))).message).toContain(join(bench.home, 'gone'));
  });
});

describe('arguments', () => {
  /** Prints each argument on a line of its own, between brackets. */
  const PRINT = `for word in "$@"; do printf '[%s]\\n' "$word"; done`;

  async function printed(args: string[], labels: Record<string, string> = {}): Promise<unknown> {
    bench.write('fix.sh', PRINT);
    const target = bench.target(
      { command: ['./fix.sh', ...args] },
      { labels, resource: 'test/web@alpha' },
    );
    const { details } = await bench.act(target);
    return (details?.['stdout'] as { lastLines: string[] }).lastLines;
  }

  test('placeholders stand for the target, its host, its labels and the action', async () => {
    const args = [
      '{target}',
      '{namespace}:{name}',
      '--on={host}',
      '{metadata.tier}',
      '{action_id}',
    ];
    expect(await printed(args, { tier: 'front' })).toEqual([
      '[test/web@alpha]',
      '[test:web@alpha]',
      '[--on=alpha]',
      '[front]',
      `[${KEY}]`,
    ]);
  });

  test.each([
    ['spaces', 'a b  c'],
    ['quotes', `it's "it"`],
    ['a command after a semicolon', '; touch /tmp/vigil-injected #'],
    ['a substitution', '$(id) `id` ${PATH}'],
    ['a wildcard', '* ?'],
    ['a pipe', '| cat && false'],
    ['a placeholder', '{target} {{name}}'],
    ['a backslash', 'a\\nb'],
  ])('a label with %s is one argument, to the letter', async (_, value) => {
    expect(await printed(['x', 'v={metadata.note}', '{metadata.note}'], { note: value })).toEqual([
      '[x]',
      `[v=${value}]`,
      `[${value}]`,
    ]);
  });

  test('a label of several lines is one argument', async () => {
    expect(await printed(['{metadata.note}'], { note: 'a\nb' })).toEqual(['[a', 'b]']);
  });

  test('a label that would be read as an option is refused', async () => {
    const error = await failure(printed(['{metadata.note}'], { note: '--force' }));
    expect(error.message).toContain('would be the option "--force"');
  });

  test('a label that looks like an option is an operand after --, and a value after =', async () => {
    const labels = { note: '--force' };
    expect(await printed(['--note={metadata.note}', '--', '{metadata.note}'], labels)).toEqual([
      '[--note=--force]',
      '[--]',
      '[--force]',
    ]);
  });

  test('double braces are braces', async () => {
    expect(await printed(['{{print $1}}'])).toEqual(['[{print $1}]']);
  });

  test('a label that the Service does not have is an error before anything runs', async () => {
    const error = await failure(printed(['{metadata.tier}'], { other: 'x' }));
    expect(error.message).toBe('test/web@alpha has nothing for {metadata.tier}');
  });

  test('a resource that is no member is on the host of the worker', async () => {
    bench.write('fix.sh', PRINT);
    const { details } = await bench.act(bench.target({ command: ['./fix.sh', '{host}'] }));
    expect(details).toMatchObject({ stdout: { lastLines: [`[${hostname()}]`] } });
  });

  test('parameters of the step reach the command, and none is ignored', async () => {
    bench.write('fix.sh', PRINT);
    const target = bench.target({ command: ['./fix.sh', 'by={params.by}'] });
    const { details } = await bench.act(target, { params: { by: 2 } });
    expect(details).toMatchObject({ stdout: { lastLines: ['[by=2]'] } });
    const error = await failure(bench.act(target, { params: { by: 2, to: 3 } }));
    expect(error.message).toBe('its command does not use the parameter to: {params.NAME}');
    expect((await failure(bench.act(target))).message).toContain('nothing for {params.by}');
  });
});

describe('the environment', () => {
  test('holds what is allowed and set, the marks of Vigil, and nothing else of the worker', async () => {
    bench.write('fix.sh', 'exec env');
    process.env['VIGIL_TEST_PRIVATE'] = 'private';
    process.env['SHOWN_TO_SCRIPTS'] = 'shown';
    const env = { allow: ['SHOWN_TO_SCRIPTS', 'NOT_THERE'], set: { COLOUR: 'blue' } };
    const { details } = await bench.act(bench.target({}, { spec: { env } }));
    delete process.env['VIGIL_TEST_PRIVATE'];
    delete process.env['SHOWN_TO_SCRIPTS'];
    // The shell adds PWD, OLDPWD, SHLVL and _ by itself.
    const lines = (details?.['stdout'] as { lastLines: string[] }).lastLines
      .filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line))
      .sort();
    expect(lines).toEqual([
      'COLOUR=blue',
      'SHOWN_TO_SCRIPTS=shown',
      `VIGIL_ACTION_ID=${KEY}`,
      'VIGIL_RESOURCE=test/web',
    ]);
  });

  test('a secret reaches the command and shows in no result and in no error', async () => {
    const file = join(bench.home, 'secret');
    writeFileSync(file, 'correct horse\nbattery staple\n');
    const env = { allow: [], set: { KEY: `file:${file}` } };
    const got = join(bench.home, 'got');
    bench.write('fix.sh', `printf %s "$KEY" > ${got}; echo "[$KEY]"; echo "k $KEY" >&2; exit "$1"`);
    const good = await bench.act(bench.target({ command: ['./fix.sh', '0'] }, { spec: { env } }));
    expect(readFileSync(got, 'utf8')).toBe('correct horse\nbattery staple');
    const bad = await failure(
      bench.act(bench.target({ command: ['./fix.sh', '7'] }, { spec: { env } })),
    );
    const told = JSON.stringify([good, bad.message, bad.stack, bad.cause]);
    expect(told).not.toMatch(/correct|horse|battery|staple/);
    expect(good.details).toMatchObject({ stdout: { lastLines: ['[***]'] } });
    expect(bad.message).toBe('fix.sh exited with code 7: k ***');
  });

  test('a secret that cannot be resolved is named, and nothing runs', async () => {
    const ran = join(bench.home, 'ran');
    bench.write('fix.sh', `touch ${ran}`);
    const env = { allow: [], set: { KEY: 'file:/not/there' } };
    const error = await failure(bench.act(bench.target({}, { spec: { env } })));
    expect(error.message).toContain('environment variable KEY: secret file /not/there');
    expect(existsSync(ran)).toBe(false);
  });
});

describe('how it ends', () => {
  test('exit code 0 is done, with the last lines of both streams', async () => {
    bench.write('fix.sh', 'echo one; echo two; echo warned >&2');
    const result = await bench.act(bench.target({}));
    expect(result.summary).toMatch(/^ran fix\.sh: exit code 0 after \d+ ms$/);
    expect(result.details).toMatchObject({
      exitCode: 0,
      stdout: { lastLines: ['one', 'two'], bytes: 8 },
      stderr: { lastLines: ['warned'] },
    });
  });

  test.each([1, 2, 126, 255])('exit code %d is an error with its last line', async (code) => {
    bench.write('fix.sh', `echo fine; echo "disk is full" >&2; exit ${code}`);
    const error = await failure(bench.act(bench.target({ idempotent: true })));
    expect(error.message).toBe(`fix.sh exited with code ${code}: disk is full`);
    expect(error).not.toBeInstanceOf(TransientError);
    expect(error).not.toBeInstanceOf(UnknownEffectError);
  });

  test('being killed from outside leaves the effect unknown', async () => {
    bench.write('fix.sh', 'kill -9 $$');
    const error = await failure(bench.act(bench.target({})));
    expect(error).toBeInstanceOf(UnknownEffectError);
    expect(error.message).toBe('fix.sh was killed by SIGKILL');
  });

  test('only the first and last part of a long output are kept', async () => {
    bench.write('fix.sh', 'echo begin; yes "a line of output" | head -n 200000; echo end');
    const { details } = await bench.act(bench.target({}));
    const { firstLines, lastLines, bytes, leftOutBytes } = details?.['stdout'] as {
      firstLines: string[];
      lastLines: string[];
      bytes: number;
      leftOutBytes: number;
    };
    expect(firstLines.slice(0, 2)).toEqual(['begin', 'a line of output']);
    expect(lastLines.slice(-2)).toEqual(['a line of output', 'end']);
    expect(lastLines).toHaveLength(20);
    expect(bytes).toBe(6 + 200_000 * 17 + 4);
    expect(bytes - leftOutBytes).toBe(64 * 1024);
  });

  test('what it leaves in the background goes on, and is not waited for', async () => {
    const pids = join(bench.home, 'pid');
    bench.write('fix.sh', `sleep 60 & echo $! > ${pids}; echo started`);
    const { details } = await bench.act(bench.target({}));
    expect(details).toMatchObject({ exitCode: 0, stdout: { lastLines: ['started'] } });
    const pid = await pidIn(pids);
    expect(runs(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
  });
});

describe('a run that is stopped', () => {
  const patients: Bench[] = [];
  afterEach(() => {
    for (const one of patients.splice(0)) one.tearDown();
  });

  /** Leaves a program on a busy machine the time to end by itself. */
  function createPatient(): Bench {
    const patient = createBench({ killAfterMs: 20_000 });
    patients.push(patient);
    return patient;
  }

  /** Starts a child, and a grandchild in a session of its own; both and itself ignore SIGTERM. */
  const STUBBORN = (folder: string): string => `
    trap '' TERM
    echo $$ > ${folder}/leader
    sh -c 'trap "" TERM; echo $$ > ${folder}/child; while :; do sleep 0.1; done' &
    setsid sh -c 'trap "" TERM; echo $$ > ${folder}/grandchild; while :; do sleep 0.1; done' &
    echo working
    while :; do sleep 0.1; done`;

  async function pids(): Promise<number[]> {
    const names = ['leader', 'child', 'grandchild'];
    return Promise.all(names.map((name) => pidIn(join(bench.home, name))));
  }

  test('by its timeout ends with all that it started, its effect unknown', async () => {
    bench.write('fix.sh', STUBBORN(bench.home));
    const error = await failure(bench.act(bench.target({ timeoutMs: 3000 })));
    expect(error).toBeInstanceOf(UnknownEffectError);
    expect(error.message).toBe(
      'fix.sh did not end within 3000 ms and was ended with all that it had started: working',
    );
    for (const pid of await pids()) expect(runs(pid)).toBe(false);
  });

  test('by cancelling ends with all that it started, its effect unknown', async () => {
    bench.write('fix.sh', STUBBORN(bench.home));
    const abort = new AbortController();
    const acting = failure(bench.act(bench.target({}), { signal: abort.signal }));
    const started = await pids();
    abort.abort(new Error('cancelled by test'));
    const error = await acting;
    expect(error).toBeInstanceOf(UnknownEffectError);
    expect(error.message).toContain('because the action was cancelled');
    for (const pid of started) expect(runs(pid)).toBe(false);
  });

  test('may end in good order on SIGTERM', async () => {
    const patient = createPatient();
    const [note, ready] = [join(patient.home, 'note'), join(patient.home, 'ready')];
    patient.write(
      'fix.sh',
      `trap 'echo tidy > ${note}; exit 0' TERM; echo > ${ready}; while :; do sleep 0.05; done`,
    );
    const abort = new AbortController();
    const acting = failure(patient.act(patient.target({}), { signal: abort.signal }));
    await waitFor('it to be ready', () => existsSync(ready));
    abort.abort(new Error('cancelled by test'));
    await acting;
    expect(readFileSync(note, 'utf8')).toBe('tidy\n');
  });

  test('is a plain failure where it is declared idempotent', async () => {
    bench.write('fix.sh', 'sleep 60');
    const error = await failure(bench.act(bench.target({ timeoutMs: 300, idempotent: true })));
    expect(error).not.toBeInstanceOf(UnknownEffectError);
    expect(error).not.toBeInstanceOf(TransientError);
    expect(error.message).toContain('did not end within 300 ms');
  });

  test('what an earlier worker left of the same step is ended before it is done again', async () => {
    // It has made up its mind before it is seen.
    const patient = createPatient();
    const choice = `s=60; [ ! -e ${patient.home}/second ] || s=0`;
    patient.write('fix.sh', `${choice}; echo $$ >> ${patient.home}/pids; sleep $s`);
    const target = patient.target({ idempotent: true });
    const first = failure(patient.act(target));
    const pid = await pidIn(join(patient.home, 'pids'));
    writeFileSync(join(patient.home, 'second'), '');
    expect(await patient.act(target)).toMatchObject({ details: { exitCode: 0 } });
    expect(runs(pid)).toBe(false);
    expect((await first).message).toBe('fix.sh was killed by SIGTERM');
  });
});

describe('what is known of it', () => {
  test('its identity is what its inspect command prints, once it ended well', async () => {
    bench.write('look.sh', `cat ${bench.home}/identity; echo noise >&2`);
    const target = bench.target({}, { spec: { inspect: { command: ['./look.sh', '{target}'] } } });
    expect(await bench.runtime.inspect(target)).toMatchObject({ identity: null });
    writeFileSync(join(bench.home, 'identity'), ' started 42 \n');
    expect(await bench.runtime.inspect(target)).toMatchObject({ identity: 'started 42' });
  });

  test('a step whose inspect command shows another identity was done', async () => {
    const identity = join(bench.home, 'identity');
    bench.write('look.sh', `cat ${identity}`);
    bench.write('fix.sh', `echo two > ${identity}`);
    writeFileSync(identity, 'one');
    const target = bench.target({}, { spec: { inspect: { command: ['./look.sh'] } } });
    const request = await bench.request(target);
    expect(await bench.runtime.findDone(request)).toBe('unknowable');
    const result = await bench.runtime.execute(request, new AbortController().signal);
    expect(result.identity).toBe('two');
    expect(await bench.runtime.findDone(request)).toMatchObject({
      identity: 'two',
      summary: 'was done: its identity went from one to two',
    });
  });

  test('without one, a step that was begun is repeated only if it is idempotent', async () => {
    bench.write('fix.sh', 'true');
    const once = await bench.request(bench.target({}));
    const often = await bench.request(bench.target({ idempotent: true }));
    expect(await bench.runtime.findDone(once)).toBe('unknowable');
    expect(await bench.runtime.findDone(often)).toBeNull();
  });

  test('nothing is observed, and it says so', async () => {
    expect(await bench.runtime.observe(bench.target({}))).toMatchObject({ isUnseen: true });
  });
});
