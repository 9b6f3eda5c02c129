import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readStat, TICKS_PER_SECOND } from '../../platform/procfs';
import { waitFor } from '../support/wait';

let server: ChildProcess;
let url: string;

beforeEach(async () => {
  const started = spawn(process.execPath, [join(__dirname, '../../examples/web/server.mjs')], {
    env: { PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  server = started;
  const [line] = (await once(createInterface(started.stdout), 'line')) as [string];
  url = line.replace('listening on ', '');
});
afterEach(() => {
  server.kill('SIGKILL');
});

async function get(path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`${url}${path}`);
  return { status: response.status, body: await response.text() };
}

function cpuSeconds(): number {
  return (readStat(server.pid ?? 0)?.cpuTicks ?? 0) / TICKS_PER_SECOND;
}

test('it says who it is, and that it is healthy', async () => {
  expect((await get('/')).body).toContain(`process ${server.pid ?? ''}, running since 2`);
  expect(await get('/health')).toEqual({ status: 200, body: '{"ok":true}\n' });
  expect((await get('/nowhere')).status).toBe(404);
});

test('told to be sick, it answers 503 for that long', async () => {
  await get('/sick?seconds=2');
  expect((await get('/health')).status).toBe(503);
  await waitFor('its recovery', async () => (await get('/health')).status === 200);
  expect((await get('/sick?seconds=long')).status).toBe(422);
});

test('under load it burns CPU time, answers meanwhile, and calms down', async () => {
  await get('/load?seconds=3');
  const before = cpuSeconds();
  const asked = performance.now();
  expect((await get('/health')).status).toBe(200);
  expect(performance.now() - asked).toBeLessThan(2500);
  await waitFor('half a second of CPU time', () => cpuSeconds() - before > 0.5);
  await waitFor('calm', async () => {
    const start = cpuSeconds();
    const since = performance.now();
    for (let n = 0; n < 10; n++) await get('/health');
    return cpuSeconds() - start < 0.1 && performance.now() - since < 1000;
  });
});

test('told to crash, it exits with code 1', async () => {
  const ended = once(server, 'exit');
  await get('/crash');
  expect(await ended).toEqual([1, null]);
});

test('SIGTERM ends it cleanly, also under load', async () => {
  await get('/load?seconds=60');
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
