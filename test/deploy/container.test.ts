import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killNow } from '../support/kill';
import { waitFor } from '../support/wait';

const DEPLOY = join(__dirname, '../../deploy');
const ENTRYPOINT = join(DEPLOY, 'container/entrypoint.sh');
const KEEP_RUNNING = join(DEPLOY, 'container/keep-running.sh');
const HEALTHCHECK = join(DEPLOY, 'container/healthcheck.mjs');

let folder: string;
let running: ChildProcess[];
let servers: Server[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-container-'));
  running = [];
  servers = [];
});
afterEach(async () => {
  for (const child of running) child.kill('SIGKILL');
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function start(command: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  return child;
}

async function run(command: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = start(command, env);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const SHOW_PASSWORD = ['sh', '-c', 'printf %s "${PGPASSWORD-none}"'];

describe('entrypoint.sh', () => {
  it('hands the password of a file to the command', async () => {
    const file = join(folder, 'password');
    writeFileSync(file, "p@ss'w/ord\n");
    const { code, stdout } = await run([ENTRYPOINT, ...SHOW_PASSWORD], {
      VIGIL_DATABASE_PASSWORD_FILE: file,
    });
    expect([code, stdout]).toEqual([0, "p@ss'w/ord"]);
  });

  it('runs the command as it is where no file is named', async () => {
    const { code, stdout } = await run([ENTRYPOINT, ...SHOW_PASSWORD]);
    expect([code, stdout]).toEqual([0, 'none']);
  });

  it.each([
    ['is missing', null],
    ['is empty', ''],
  ])('ends with 1 and the remedy when the file %s', async (_what, content) => {
    const file = join(folder, 'password');
    if (content !== null) writeFileSync(file, content);
    const { code, stdout, stderr } = await run([ENTRYPOINT, ...SHOW_PASSWORD], {
      VIGIL_DATABASE_PASSWORD_FILE: file,
    });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('deploy/make-secrets.sh');
  });
});

describe('keep-running.sh', () => {
  /** Writes its pid to a file, one line per start, and runs on. */
  const worker = () => ['sh', '-c', `echo $$ >> ${join(folder, 'pids')}; exec sleep 60`];
  const pids = () =>
    existsSync(join(folder, 'pids'))
      ? readFileSync(join(folder, 'pids'), 'utf8').split('\n').filter(Boolean).map(Number)
      : [];

  it('starts a killed command anew, and ends with it on SIGTERM', async () => {
    const script = start([KEEP_RUNNING, ...worker()]);
    await waitFor('the first start', () => pids().length === 1);
    killNow(pids()[0]);
    await waitFor('the second start', () => pids().length === 2);
    expect(script.exitCode).toBeNull();

    const ended = once(script, 'exit') as Promise<[number | null]>;
    script.kill('SIGTERM');
    const TERMINATED = 128 + 15;
    expect((await ended)[0]).toBe(TERMINATED);
    const [, second = NaN] = pids();
    expect(() => process.kill(second, 0)).toThrow('ESRCH');
  });

  it('waits for a command that takes its time to end, and returns its exit code', async () => {
    const command = `trap 'echo late > ${join(folder, 'late')}; exit 7' TERM
      echo $$ > ${join(folder, 'pids')}; while :; do sleep 0.05; done`;
    const script = start([KEEP_RUNNING, 'sh', '-c', command]);
    await waitFor('the first start', () => pids().length === 1);
    const ended = once(script, 'exit') as Promise<[number | null]>;
    script.kill('SIGTERM');
    expect((await ended)[0]).toBe(7);
    expect(existsSync(join(folder, 'late'))).toBe(true);
  });
});

describe('healthcheck.mjs', () => {
  const check = (what: string, env: NodeJS.ProcessEnv = {}) =>
    run([process.execPath, HEALTHCHECK, what], env);

  it('tells an answer from a refusal', async () => {
    let status = 200;
    const port = await serve((request, response) => {
      response.writeHead(request.url === '/health' ? status : 404).end('{"status":"?"}');
    });
    expect(await check(String(port))).toMatchObject({ code: 0, stdout: '' });
    status = 503;
    const down = await check(String(port));
    expect(down.code).toBe(1);
    expect(down.stdout).toContain('answers 503');
  });

  it('fails where nothing listens', async () => {
    const port = await serve(() => undefined);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    expect(await check(String(port))).toMatchObject({ code: 1 });
  });

  it('asks the collector for samples of the agent’s host, with its token', async () => {
    const token = join(folder, 'token');
    writeFileSync(token, 'secret\n');
    let items: unknown[] = [{ value: 0.1 }];
    const asked: string[] = [];
    const port = await serve((request, response) => {
      asked.push(request.url ?? '');
      const isKnown = request.headers.authorization === 'Bearer secret';
      response.writeHead(isKnown ? 200 : 401).end(JSON.stringify({ items }));
    });
    const env = {
      VIGIL_AGENT_API_URL: `http://127.0.0.1:${port}`,
      VIGIL_AGENT_HOST: 'far',
      VIGIL_AGENT_TOKEN_FILE: token,
    };
    expect(await check('agent', env)).toMatchObject({ code: 0 });
    expect(asked[0]).toContain('tag=host%3Dfar');
    items = [];
    const silent = await check('agent', env);
    expect(silent).toMatchObject({ code: 1, stdout: 'no sample of far for a minute\n' });
  });
});
