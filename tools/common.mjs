import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const ROOT = resolve(fileURLToPath(import.meta.url), '../..');

/** A line for people on standard error: standard output belongs to the command. */
export function say(line) {
  process.stderr.write(`vigil: ${line}\n`);
}

export function fail(line) {
  say(line);
  process.exit(1);
}
