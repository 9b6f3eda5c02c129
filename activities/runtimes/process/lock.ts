import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { TransientError } from '../../../domain/action/runtime';

const RETRY_MS = 20;
const PATIENCE_MS = 30_000;

/**
 * Runs `work` while nobody else on this host works on the same folder: neither another call nor
 * another worker process. The lock is a listening abstract socket named after the folder's inode;
 * the kernel takes it away with the process, so that a crash leaves no stale lock behind.
 */
export async function withLock<T>(
  folder: string,
  signal: AbortSignal | null,
  work: () => Promise<T>,
): Promise<T> {
  const { dev, ino } = await stat(folder);
  const lock = await acquire(`\0vigil-process:${dev}:${ino}`, folder, signal);
  try {
    return await work();
  } finally {
    await new Promise((resolve) => lock.close(resolve));
  }
}

async function acquire(name: string, folder: string, signal: AbortSignal | null): Promise<Server> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    signal?.throwIfAborted();
    const server = await listen(name);
    if (server !== null) return server;
    if (performance.now() > deadline) {
      throw new TransientError(`${folder} is locked: another worker acts on the same process`);
    }
    await pause(RETRY_MS);
  }
}

/** Null: somebody else holds it. */
function listen(name: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen({ path: name, exclusive: true }, () => {
      resolve(server);
    });
  });
}
