import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createBench, failure } from '../activities/runtimes/webhook/support';
import { waitFor } from '../support/wait';

const ROOT = join(__dirname, '../..');
const RECEIVER = join(ROOT, 'examples/webhook/receiver.mjs');

let folder: string;
let receiver: ChildProcess;
let lines: string[];
let url: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-receiver-'));
  writeFileSync(join(folder, 'key'), 'hunter2\n');
  writeFileSync(join(folder, 'other'), 'hunter3\n');
  const env = { PATH: process.env['PATH'], HOOK_KEY_FILE: join(folder, 'key'), PORT: '0' };
  receiver = spawn(process.execPath, [RECEIVER], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  lines = [];
  if (receiver.stdout === null) throw new Error('it has no output');
  createInterface(receiver.stdout).on('line', (line) => lines.push(line));
  const port = await waitFor('its port', () => /^listening on (\d+)$/.exec(lines[0] ?? '')?.[1]);
  url = `http://127.0.0.1:${port}`;
});
afterEach(async () => {
  const ended = new Promise((resolve) => receiver.once('exit', resolve));
  receiver.kill('SIGKILL');
  await ended;
  rmSync(folder, { recursive: true });
});

const signedWith = (name: string) => ({ spec: { secret: `file:${join(folder, name)}` } });

test('it acts on what is signed with its key, once per step', async () => {
  const bench = createBench(url);
  const target = bench.target({}, signedWith('key'));
  expect((await bench.act(target)).details).toMatchObject({
    status: 200,
    firstLines: ['fix shop/web: done'],
  });
  expect((await bench.act(target)).summary).toContain('it was done already');
  expect(lines.slice(1)).toEqual(['fix shop/web']);
});

test('it refuses another key, no signature at all, and a request that is five minutes old', async () => {
  const bench = createBench(url);
  const late = createBench(url, { now: () => Date.now() - 301_000 });
  const refused = [
    await failure(bench.act(bench.target({}, signedWith('other')))),
    await failure(bench.act(bench.target({}))),
    await failure(late.act(late.target({}, signedWith('key')))),
  ];
  for (const { message } of refused) expect(message).toBe(`${url}/fix answered 401: not genuine`);
  expect(lines).toHaveLength(1);
});

test('the documentation shows how it checks a signature, letter for letter', () => {
  const shown = /```js\n([\s\S]*?)```/.exec(
    readFileSync(join(ROOT, 'docs/runtime-webhook.md'), 'utf8'),
  )?.[1];
  expect(shown).toContain('function isGenuine');
  expect(readFileSync(RECEIVER, 'utf8')).toContain(shown?.trim());
});
