import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChildOutput, type ChildOutput } from '../../../cli/up/child-output';
import { isAlive } from '../../../cli/up/os-process';
import { supervise, type ChildSpec, type Supervised } from '../../../cli/up/supervise';
import { killNow } from '../../support/kill';
import { waitFor } from '../../support/wait';

const BACKOFF = { firstMs: 20, longestMs: 80, calmMs: 60_000 };

let folder: string;
let output: ChildOutput;
let said: string[];
let running: Supervised[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-supervise-'));
  said = [];
  running = [];
  output = createChildOutput(join(folder, 'child.log'), say);
});
afterEach(async () => {
  for (const child of running) await child.stop();
  output.close();
  rmSync(folder, { recursive: true, force: true });
});

function say(line: string): void {
  said.push(line);
}

function specOf(script: string, changes: Partial<ChildSpec> = {}): ChildSpec {
  return {
    name: 'child',
    command: process.execPath,
    args: ['-e', script],
    cwd: folder,
    env: { PATH: process.env['PATH'] },
    hasChannel: true,
    saysReady: true,
    stopSignal: 'SIGTERM',
    stopDeadlineMs: 5000,
    startDeadlineMs: 30_000,
    probe: () => Promise.resolve(),
    ...changes,
  };
}

async function start(spec: ChildSpec, signal?: AbortSignal): Promise<Supervised> {
  const child = await supervise(spec, {
    output,
    say,
    backoff: BACKOFF,
    ...(signal === undefined ? {} : { signal }),
  });
  running.push(child);
  return child;
}

const READY = `console.log(JSON.stringify({ level: 'info', msg: 'ready' }));`;
const STAY = `setInterval(() => {}, 1000);`;

test('a child that says ready is healthy, and stopping it leaves nothing', async () => {
  const child = await start(specOf(READY + STAY));
  const pid = child.pid() ?? 0;
  expect(isAlive(pid)).toBe(true);
  await child.stop();
  expect(isAlive(pid)).toBe(false);
  expect(said).toEqual([]);
});

test('a child that ends before it is ready fails the start with its last words', async () => {
  const spec = specOf(`console.error('api.port: must be a number'); process.exit(1)`);
  await expect(start(spec)).rejects.toThrow(/child did not start: api\.port: must be a number/);
});

test('a command that does not exist fails the start', async () => {
  const spec = specOf('', { command: join(folder, 'nothing') });
  await expect(start(spec)).rejects.toThrow(/ENOENT/);
});

test('a child that never gets healthy fails the start at the deadline and is ended', async () => {
  const spec = specOf(`require('fs').writeFileSync('pid', String(process.pid)); ${STAY}`, {
    startDeadlineMs: 5000,
  });
  await expect(start(spec)).rejects.toThrow('has not said that it is ready');
  expect(isAlive(Number(readFileSync(join(folder, 'pid'), 'utf8')))).toBe(false);
});

test('a start that is called off ends the child and throws the reason', async () => {
  const controller = new AbortController();
  const started = start(
    specOf(`require('fs').writeFileSync('pid', String(process.pid)); ${STAY}`),
    controller.signal,
  );
  const failed = expect(started).rejects.toThrow('called off');
  const pid = await waitFor('the child runs', () => readPid());
  controller.abort(new Error('called off'));
  await failed;
  expect(isAlive(pid)).toBe(false);
});

function readPid(): number | null {
  try {
    const text = readFileSync(join(folder, 'pid'), 'utf8');
    return text === '' ? null : Number(text);
  } catch {
    return null;
  }
}

test('a child that is killed is started again, and both are said', async () => {
  const child = await start(specOf(READY + STAY));
  const first = child.pid() ?? 0;
  process.kill(first, 'SIGKILL');
  await waitFor('it runs again', () => said.includes('child runs again'));
  expect(child.pid()).not.toBe(first);
  expect(said[0]).toContain('child ended unexpectedly (SIGKILL); starting it again in 0.02 s');
});

test('the wait before a restart doubles up to the longest', async () => {
  // Ready the first time, and from then on it ends at once.
  const script = `const fs = require('fs');
    if (fs.existsSync('seen')) process.exit(3);
    fs.writeFileSync('seen', ''); ${READY} ${STAY}`;
  const child = await start(specOf(script));
  killNow(child.pid());
  await waitFor('five ends', () => said.length >= 5);
  await child.stop();
  const waits = said.slice(0, 5).map((line) => /again in ([\d.]+) s/.exec(line)?.[1]);
  expect(waits).toEqual(['0.02', '0.04', '0.08', '0.08', '0.08']);
});

test('a child that ignores its stop signal is killed with its whole group at the deadline', async () => {
  const script = `
    process.on('SIGTERM', () => {});
    const { pid } = require('child_process').spawn('sleep', ['1000'], { stdio: 'ignore' });
    require('fs').writeFileSync('pid', String(pid)); ${READY} ${STAY}`;
  const child = await start(specOf(script, { stopDeadlineMs: 200 }));
  const grandchild = readPid() ?? 0;
  expect(isAlive(grandchild)).toBe(true);
  const pid = child.pid() ?? 0;
  await child.stop();
  expect(isAlive(pid)).toBe(false);
  await waitFor('the grandchild is gone', () => !isAlive(grandchild));
});

test('warnings of a child are shown, its other lines only kept in its log', async () => {
  const script = `
    console.log(JSON.stringify({ level: 'info', msg: 'quiet' }));
    console.log(JSON.stringify({ level: 'warn', time: 'x', process: 'gitops', msg: 'manifest refused', problems: ['web.yaml:3:5: unknown field'] }));
    ${READY} ${STAY}`;
  await start(specOf(script));
  expect(said).toEqual(['manifest refused\n  web.yaml:3:5: unknown field']);
  expect(readFileSync(output.path, 'utf8')).toContain('quiet');
});

test('a child with a channel ends when its supervisor is killed', async () => {
  const hook = join(__dirname, '../../support/typescript-hook.cjs');
  const supervisor = join(folder, 'supervisor.js');
  const script = `require('fs').writeFileSync('pid', String(process.pid));
    process.on('disconnect', () => process.exit(0)); ${READY} ${STAY}`;
  writeFileSync(
    supervisor,
    `const { supervise } = require(${JSON.stringify(join(__dirname, '../../../cli/up/supervise.ts'))});
     const { createChildOutput } = require(${JSON.stringify(join(__dirname, '../../../cli/up/child-output.ts'))});
     supervise({ ...${JSON.stringify(specOf(script))}, probe: async () => {} },
       { output: createChildOutput('own.log', console.log), say: console.log, backoff: ${JSON.stringify(BACKOFF)} });`,
  );
  const parent = spawn(process.execPath, ['-r', hook, supervisor], {
    cwd: folder,
    stdio: 'inherit',
  });
  const ended = new Promise((resolve) => parent.once('close', resolve));
  const pid = await waitFor('the child runs', () => readPid());
  parent.kill('SIGKILL');
  await ended;
  await waitFor('the child has ended', () => !isAlive(pid));
});
