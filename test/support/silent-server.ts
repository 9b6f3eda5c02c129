import { createServer, type Socket } from 'node:net';

export interface SilentServer {
  socket: string;
  /** How many connections it took. */
  taken: () => number;
  close: () => Promise<void>;
}

/** Takes every connection at a socket and never answers: a daemon that hangs. */
export async function createSilentServer(socket: string): Promise<SilentServer> {
  const open: Socket[] = [];
  const server = createServer((connection) => {
    open.push(connection);
    connection.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    taken: () => open.length,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const connection of open) connection.destroy();
      }),
  };
}
