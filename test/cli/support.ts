import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Command } from 'commander';

export interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface Answer {
  status: number;
  type?: string;
  body: unknown;
}

export interface TestServer {
  url: string;
  /** Every request so far, in order. */
  seen: Seen[];
  close: () => Promise<void>;
}

/** A real HTTP server on a port of its own that answers with what `answer` says. */
export async function startServer(answer: (request: Seen) => Answer): Promise<TestServer> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') };
      seen.push(one);
      const { status, type = 'application/json', body } = answer(one);
      response.writeHead(status, { 'content-type': type });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

export interface Run {
  out: string;
  err: string;
  error: unknown;
}

/** Runs a command as `cli/main.ts` would, and hands back what it printed and how it failed. */
export async function runCli(
  register: (program: Command) => void,
  args: readonly string[],
): Promise<Run> {
  const run: Run = { out: '', err: '', error: null };
  const program = new Command('vigil').exitOverride().configureOutput({
    writeOut: (text) => (run.out += text),
    writeErr: (text) => (run.err += text),
  });
  register(program);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    run.error = error;
  }
  return run;
}
