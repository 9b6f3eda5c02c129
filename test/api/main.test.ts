import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase } from '../support/database';
import { waitFor } from '../support/wait';

const ROOT = join(__dirname, '../..');
const home = mkdtempSync(join(tmpdir(), 'vigil-api-'));
afterAll(() => {
  rmSync(home, { recursive: true });
});

/** The process itself, on a port of the system's choice unless `env` says otherwise. */
function start(env: Record<string, string>) {
  const child = spawn(
    process.execPath,
    ['-r', join(ROOT, 'test/support/typescript-hook.cjs'), join(ROOT, 'api/main.ts')],
    {
      cwd: home,
      env: {
        PATH: process.env['PATH'],
        VIGIL_API_PORT: '0',
        TEMPORAL_ADDRESS: '127.0.0.1:1',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  const ready = () =>
    output.stdout
      .split('\n')
      .filter((line) => line.includes('"ready"'))
      .map((line) => (JSON.parse(line) as { url: string }).url)[0];
  return { child, output, exited, ready };
}

test('an address that others reach, without a token, ends the start with one line', async () => {
  const { output, exited } = start({ VIGIL_API_HOST: '0.0.0.0' });
  expect(await exited).toBe(1);
  expect(output.stderr.trim().split('\n')).toHaveLength(1);
  expect(output.stderr).toContain('VIGIL_API_TOKEN_FILE');
});

test('a port in use ends the start with one line', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await waitFor('the other server', () => server.listening);
  const { port } = server.address() as AddressInfo;
  const { output, exited } = start({
    VIGIL_API_PORT: String(port),
    DATABASE_URL: 'postgres://vigil@127.0.0.1:1/none',
  });
  expect(await exited).toBe(1);
  expect(output.stderr.trim()).toBe(
    `api: 127.0.0.1:${port} is in use: end what listens there, or set VIGIL_API_PORT or VIGIL_PORT_OFFSET`,
  );
  server.close();
});

test('with every server away it starts, says so in /health, and ends cleanly on SIGTERM', async () => {
  const api = start({ DATABASE_URL: 'postgres://vigil@127.0.0.1:1/none' });
  const url = await waitFor('ready', () => api.ready());
  const health = await fetch(`${url}/health`);
  expect(health.status).toBe(503);
  expect(await health.json()).toMatchObject({ status: 'down' });
  api.child.kill('SIGTERM');
  expect(await api.exited).toBe(0);
  expect(api.output.stderr).toBe('');
});

test('it takes samples, and ends cleanly on SIGINT', async () => {
  const database = await createTestDatabase();
  const api = start({ DATABASE_URL: database.url });
  const url = await waitFor('ready', () => api.ready());
  const answer = await fetch(`${url}/api/v1/ingest`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'cpu_usage', value: 0.5 }),
  });
  expect(answer.status).toBe(201);
  api.child.kill('SIGINT');
  expect(await api.exited).toBe(0);
  await database.drop();
});
