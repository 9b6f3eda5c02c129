import { createServer, request as forward, type Server } from 'node:http';

export interface DyingEngine {
  socket: string;
  /** How many calls that change something have come. */
  calls: () => number;
  close: () => Promise<void>;
}

/**
 * Stands between a runtime and its engine, and ends at its n-th call that changes something:
 * `before` the engine hears of it, or `after` the engine did it and before the answer is back.
 * From then on nothing comes through, which is what a killed worker looks like to the engine.
 */
export async function createDyingEngine(
  engine: string,
  given: { socket: string; dieAt: number; when: 'before' | 'after' },
): Promise<DyingEngine> {
  let calls = 0;
  let isDead = false;
  const server: Server = createServer((incoming, outgoing) => {
    if (incoming.method !== 'GET' && incoming.method !== 'HEAD' && !isDead) calls++;
    const isLast = calls === given.dieAt && incoming.method !== 'GET';
    if (isDead || (isLast && given.when === 'before')) {
      isDead = true;
      incoming.socket.destroy();
      return;
    }
    const { method, url, headers } = incoming;
    const onward = forward({
      socketPath: engine.replace('unix://', ''),
      method,
      path: url,
      headers,
    });
    onward.on('response', (answer) => {
      if (isLast) {
        isDead = true;
        answer.resume();
        answer.on('end', () => incoming.socket.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => incoming.socket.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(given.socket, resolve));
  return {
    socket: given.socket,
    calls: () => calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
