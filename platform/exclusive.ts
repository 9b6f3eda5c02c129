import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const RETRY_MS = 20;

export type Release = () => Promise<void>;

/**
 * Takes a name for itself on this machine; null: another one, in this or another process, holds it.
 * The name is a listening abstract socket: the kernel takes it away with the process, so that no
 * crash leaves it behind. Linux only, and within one network namespace.
 */
export async function takeName(name: string): Promise<Release | null> {
  const server = await listen(socketOf(name));
  return server === null ? null : () => close(server);
}

/** Waits until the name is free; null: it was not within `waitMs`. Throws once `signal` aborts. */
export async function awaitName(
  name: string,
  { waitMs, signal }: { waitMs: number; signal?: AbortSignal },
): Promise<Release | null> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    signal?.throwIfAborted();
    const release = await takeName(name);
    if (release !== null || performance.now() > deadline) return release;
    await pause(RETRY_MS);
  }
}

/** The kernel allows 107 bytes. */
function socketOf(name: string): string {
  return `\0vigil-${createHash('sha256').update(name).digest('hex')}`;
}

function listen(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen({ path, exclusive: true }, () => {
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
