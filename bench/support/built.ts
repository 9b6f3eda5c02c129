import { createRequire } from 'node:module';
import { join } from 'node:path';
import { repositoryRoot } from '../../cli/up/paths';

/** A module as it is built and run in production: what compiles sources on the fly costs time at each call. */
export function built(path: string): unknown {
  const root = repositoryRoot();
  return createRequire(join(root, 'package.json'))(join(root, 'dist', path));
}
