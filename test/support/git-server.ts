/** A real git repository, and real smart HTTP in front of it. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface TestRepository {
  /** Holds everything below; removed by `remove`. */
  root: string;
  /** The bare repository: a path that git takes as an address. */
  bare: string;
  git: (...args: string[]) => string;
  /** Writes files (null: removes one), commits, pushes; the commit's id. */
  commit: (files: Record<string, string | null>, options?: CommitOptions) => string;
  remove: () => void;
}

export interface CommitOptions {
  message?: string;
  /** Settings, such as those of a signature. */
  settings?: readonly string[];
  sign?: boolean;
  force?: boolean;
}

const WHO = [
  ...['-c', 'user.name=Bob', '-c', 'user.email=bob@example.com'],
  // Nothing tidies up behind the test's back while it removes the folder.
  ...['-c', 'gc.auto=0', '-c', 'maintenance.auto=false'],
];

export function createRepository(): TestRepository {
  const root = mkdtempSync(join(tmpdir(), 'vigil-git-'));
  const bare = join(root, 'fleet.git');
  const work = join(root, 'work');
  const run = (cwd: string, args: readonly string[]): string =>
    execFileSync('git', [...args], {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: root, GIT_CONFIG_NOSYSTEM: '1' },
    });
  run(root, ['init', '--quiet', '--bare', '--initial-branch=main', bare]);
  run(root, ['clone', '--quiet', bare, work]);
  run(work, ['checkout', '--quiet', '-B', 'main']);
  const git = (...args: string[]): string => run(work, [...WHO, ...args]).trim();
  return {
    root,
    bare,
    git,
    commit(files, { message = 'change', settings = [], sign = false, force = false } = {}) {
      for (const [path, text] of Object.entries(files)) {
        const file = join(work, path);
        if (text === null) rmSync(file);
        else {
          mkdirSync(dirname(file), { recursive: true });
          writeFileSync(file, text);
        }
      }
      git('add', '--all');
      const flags = settings.flatMap((one) => ['-c', one]);
      git(...flags, 'commit', '--quiet', '--allow-empty', ...(sign ? ['-S'] : []), '-m', message);
      git('push', '--quiet', ...(force ? ['--force'] : []), 'origin', 'HEAD');
      return git('rev-parse', 'HEAD');
    },
    remove() {
      rmSync(root, { recursive: true, force: true });
    },
  };
}

export interface GitServer {
  url: string;
  /** Null: anybody may read. Else `user:password`. */
  setCredentials: (credentials: string | null) => void;
  /** Requests answered with data or a refusal, oldest first: `401 /fleet.git/info/refs`. */
  log: string[];
  close: () => Promise<void>;
}

/** Serves every bare repository of a folder through git's own `http-backend`, read only. */
export async function serveGit(root: string, port = 0): Promise<GitServer> {
  const log: string[] = [];
  let wanted: string | null = null;
  const server = createServer((request, response) => {
    const given = request.headers.authorization ?? '';
    const expected = `Basic ${Buffer.from(wanted ?? '').toString('base64')}`;
    const isRefused = wanted !== null && given !== expected;
    log.push(`${isRefused ? 401 : 200} ${(request.url ?? '').split('?')[0] ?? ''}`);
    if (isRefused) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    } else {
      backend(root, request, response);
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fleet.git`,
    setCredentials(credentials) {
      wanted = credentials;
    },
    log,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function backend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_PROTOCOL: request.headers['git-protocol']?.toString() ?? '',
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding']?.toString() ?? '',
      REMOTE_ADDR: '127.0.0.1',
    },
  });
  request.pipe(child.stdin);
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  child.on('close', () => {
    const output = Buffer.concat(parts);
    const end = output.indexOf('\r\n\r\n');
    const lines = output.subarray(0, end).toString().split('\r\n');
    const headers = lines.map((line) => line.split(/:\s*/, 2) as [string, string]);
    const status = Number(headers.find(([name]) => name === 'Status')?.[1].slice(0, 3) ?? '200');
    for (const [name, value] of headers) if (name !== 'Status') response.setHeader(name, value);
    response.writeHead(status).end(output.subarray(end + 4));
  });
}
