import { createServer, request as forward, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { ContainerCreateOptions } from 'dockerode';

export interface ForgetfulEngine {
  socket: string;
  /** How many containers were asked for. */
  creations: () => number;
  close: () => Promise<void>;
}

/**
 * Stands before an engine, and makes containers otherwise than asked: as one without a memory
 * controller, which drops the limit, or one that adds its proxy to every environment.
 */
export async function createForgetfulEngine(
  engine: string,
  given: { folder: string; remember: (asked: ContainerCreateOptions) => ContainerCreateOptions },
): Promise<ForgetfulEngine> {
  let creations = 0;
  const socket = join(given.folder, 'forgetful.sock');

  async function bodyFor(incoming: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (!/\/containers\/create\b/.test(incoming.url ?? '')) return body;
    creations++;
    const asked = JSON.parse(body.toString()) as ContainerCreateOptions;
    return Buffer.from(JSON.stringify(given.remember(asked)));
  }

  const server = createServer((incoming, outgoing) => {
    void bodyFor(incoming).then((body) => {
      const { method, url, headers } = incoming;
      const onward = forward({
        ...{ socketPath: engine.replace('unix://', ''), method, path: url },
        headers: { ...headers, 'content-length': body.length },
      });
      onward.on('response', (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      onward.on('error', () => incoming.socket.destroy());
      onward.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    creations: () => creations,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
