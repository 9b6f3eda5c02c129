import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface RotatingLog {
  path: string;
  write: (chunk: string | Buffer) => void;
  close: () => void;
}

/** Appends to `path`; past `maxBytes` it becomes `path.1`, the older ones move up, the oldest goes. */
export function openRotatingLog(
  path: string,
  limits: { maxBytes: number; keep: number },
): RotatingLog {
  mkdirSync(dirname(path), { recursive: true });
  let file = openSync(path, 'a', 0o600);
  let size = fstatSync(file).size;

  function rotate(): void {
    closeSync(file);
    for (let older = limits.keep - 1; older >= 1; older--) {
      moveIfThere(`${path}.${older}`, `${path}.${older + 1}`);
    }
    moveIfThere(path, `${path}.1`);
    file = openSync(path, 'a', 0o600);
    size = 0;
  }

  return {
    path,
    write(chunk) {
      const bytes = Buffer.from(chunk);
      if (size > 0 && size + bytes.length > limits.maxBytes) rotate();
      writeSync(file, bytes);
      size += bytes.length;
    },
    close() {
      closeSync(file);
    },
  };
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
