import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { isAlive, sendSignal } from '../../cli/up/os-process';
import { ROOT_FOLDER } from '../../cli/up/postgres-folder';
import { childrenOf, commandOf, descendantsOf, mentioning } from './process-tree';
import { choosePorts, type StackPorts } from './stack-ports';
import { waitFor } from './wait';

const ROOT = join(__dirname, '../..');
const START_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 60_000;
const CALL_DEADLINE_MS = 20_000;

/** A child of `vigil up`, told from the others by its command line. */
const CHILDREN = {
  api: /\/dist\/api\/main\.js /,
  worker: /\/dist\/workers\/main\.js /,
  gitops: /\/dist\/gitops\/main\.js /,
  agent: /\/dist\/agent\/main\.js /,
  temporal: / server start-dev /,
  postgres: /postgres -D /,
} as const;
export type ChildName = keyof typeof CHILDREN;

export interface ApiRequest {
  method?: string;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Answer<T> {
  status: number;
  headers: Headers;
  body: T;
}

/** A `vigil up` in a home of its own, as a user starts it. */
export interface Stack {
  home: string;
  ports: StackPorts;
  apiUrl: string;
  /** Writes a file into the folder of manifests that gitops watches. */
  write: (file: string, yaml: string) => void;
  /** Runs `vigil up` until `vigil is ready`; again after a stop. */
  start: () => Promise<void>;
  /** One more `vigil up` of the same home; resolves when it has ended. */
  startSecond: () => Promise<{ code: number | null; output: string[] }>;
  api: <T>(path: string, request?: ApiRequest) => Promise<Answer<T>>;
  /** What stands in the terminal, of the latest start. */
  terminal: () => readonly string[];
  /** Waits for a line of the terminal behind the first `after` ones. */
  said: (pattern: RegExp, options?: { after?: number; timeoutMs?: number }) => Promise<string>;
  pidOf: (name: ChildName) => number;
  /** Ends a child as a crash would. */
  kill: (name: ChildName) => void;
  /** Ctrl-C, or what a service manager sends; throws unless all of it is gone afterwards. */
  stop: (signal?: 'SIGINT' | 'SIGTERM') => Promise<void>;
  /** Whatever still runs is ended, and every file removed. */
  remove: () => Promise<void>;
}

/** Prepares a home with a folder of manifests and free ports; nothing is started yet. */
export async function createStack(): Promise<Stack> {
  const ports = await choosePorts();
  const home = mkdtempSync(join(tmpdir(), 'vigil-e2e-'));
  const folder = join(home, 'manifests');
  mkdirSync(folder);
  const env = environment({ home, folder, ports });
  const apiUrl = `http://127.0.0.1:${ports.api}`;
  let lines: string[] = [];
  let child: ChildProcess | null = null;

  function run(print: (line: string) => void): ChildProcess {
    const started = spawn(process.execPath, [join(ROOT, 'dist/cli/main.js'), 'up'], {
      cwd: ROOT,
      env,
      // A group of its own, as a shell gives it: Ctrl-C goes to all of it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    follow(started.stdout, print);
    follow(started.stderr, print);
    return started;
  }

  function children(): number[] {
    return child?.pid === undefined ? [] : childrenOf(child.pid);
  }

  const stack: Stack = {
    home,
    ports,
    apiUrl,
    write(file, yaml) {
      writeFileSync(join(folder, file), yaml);
    },
    async start() {
      const terminal: string[] = [];
      lines = terminal;
      const started = run((line) => terminal.push(line));
      child = started;
      endWithUs(started);
      await waitFor(
        'vigil is ready',
        () => {
          if (started.exitCode !== null) throw new Error(`it ended: ${lines.join('\n')}`);
          return lines.includes('vigil is ready');
        },
        START_DEADLINE_MS,
      );
    },
    async startSecond() {
      const output: string[] = [];
      const second = run((line) => output.push(line));
      const [code] = (await once(second, 'close')) as [number | null];
      return { code, output };
    },
    api: (path, request) => call(`${apiUrl}/api/v1${path}`, request),
    terminal: () => lines,
    said: (pattern, { after = 0, timeoutMs = 30_000 } = {}) =>
      waitFor(
        `the terminal to say ${String(pattern)}`,
        () => lines.slice(after).find((line) => pattern.test(line)),
        timeoutMs,
      ),
    pidOf(name) {
      const pid = children().find((one) => CHILDREN[name].test(commandOf(one)));
      if (pid === undefined) throw new Error(`no ${name} runs`);
      return pid;
    },
    kill(name) {
      sendSignal(stack.pidOf(name), 'SIGKILL');
    },
    async stop(signal = 'SIGTERM') {
      if (child?.pid === undefined) return;
      const before = [...descendantsOf(child.pid), ...mentioning(home)];
      const ending = child;
      sendSignal(signal === 'SIGINT' ? -child.pid : child.pid, signal);
      await waitFor(
        'vigil up to end',
        () => ending.exitCode !== null || ending.signalCode !== null,
        STOP_DEADLINE_MS,
      );
      child = null;
      refuseLeftovers(ending.exitCode, before);
    },
    async remove() {
      const data = dataFolder();
      const all = [
        ...(child?.pid === undefined ? [] : [child.pid, ...descendantsOf(child.pid)]),
        ...mentioning(home),
        ...(data === null ? [] : mentioning(data)),
      ];
      for (const pid of all) sendSignal(pid, 'SIGKILL');
      await waitFor('all of it to be gone', () => !all.some(isAlive));
      const ofRoot = data?.startsWith(`${ROOT_FOLDER}/`) === true ? [data] : [];
      for (const path of [home, ...ofRoot]) {
        rmSync(path, { recursive: true, force: true, maxRetries: 5 });
      }
    },
  };

  function dataFolder(): string | null {
    const line = lines.find((one) => one.startsWith('PostgreSQL '));
    return /data in (\S+)/.exec(line ?? '')?.[1] ?? null;
  }

  function refuseLeftovers(code: number | null, before: readonly number[]): void {
    const running = [...new Set([...before, ...mentioning(home)])].filter(isAlive);
    const files = ['vigil.lock', 'session.json'].map((name) => join(home, name));
    const data = dataFolder();
    if (data !== null) files.push(join(data, 'data/postmaster.pid'));
    const problems = [
      ...(code === 0 ? [] : [`it ended with ${code}`]),
      ...running.map((pid) => `${pid} still runs: ${commandOf(pid)}`),
      ...files.filter((path) => existsSync(path)).map((path) => `${path} was left`),
    ];
    if (problems.length > 0) throw new Error([...problems, ...lines.slice(-20)].join('\n'));
  }

  return stack;
}

async function call<T>(url: string, request: ApiRequest = {}): Promise<Answer<T>> {
  const { method = 'GET', body, headers = {} } = request;
  const response = await fetch(url, {
    method,
    ...(body === undefined
      ? { headers }
      : {
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(body),
        }),
    signal: AbortSignal.timeout(CALL_DEADLINE_MS),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as T };
}

/** Nothing of the caller's own Vigil, and looks that are as frequent as a test is impatient. */
function environment(stack: {
  home: string;
  folder: string;
  ports: StackPorts;
}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) =>
      !/^(VIGIL_|TEMPORAL_|DATABASE_URL$|REDIS_URL$|CONFIG_PATH$|COLLECTOR_PORT$|NODE_OPTIONS$)/.test(
        name,
      ),
  );
  return {
    ...Object.fromEntries(inherited),
    VIGIL_HOME: stack.home,
    VIGIL_PORT_OFFSET: String(stack.ports.offset),
    // Named, so that it is not moved: the tests ask Temporal themselves.
    VIGIL_TEMPORAL_PORT: String(stack.ports.temporal),
    VIGIL_GITOPS_FOLDERS: stack.folder,
    VIGIL_GITOPS_INTERVAL: '1s',
    VIGIL_WORKER_OBSERVE_INTERVAL: '500ms',
    VIGIL_AGENT_CHECKS_INTERVAL: '500ms',
  };
}

function follow(stream: Readable, print: (line: string) => void): void {
  createInterface({ input: stream }).on('line', print);
}

/** However this process ends, its end of the pipe closes, and the stack is told to stop. */
function endWithUs(child: ChildProcess): void {
  const watchdog = spawn('sh', ['-c', `cat; kill -TERM ${child.pid}`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.once('exit', () => {
    watchdog.kill('SIGKILL');
    watchdog.stdin.destroy();
  });
}
