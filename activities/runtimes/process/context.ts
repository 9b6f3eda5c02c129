import { join, resolve } from 'node:path';
import { parseResourceKey, type ResourceKey } from '../../../domain/resource';
import type { RuntimeTarget } from '../../../domain/action/runtime';

/** What every part of the runtime needs to know; `home` is absolute. */
export interface ProcessContext {
  home: string;
  now: () => number;
  stopTimeoutMs: number;
  logMaxBytes: number;
  logFiles: number;
}

/** `$home/run/<namespace>/<name>`: the record and the logs of one resource. */
export function runFolder(context: ProcessContext, resource: ResourceKey): string {
  const { namespace, name } = parseResourceKey(resource);
  for (const part of [namespace, name]) {
    // A name comes from a manifest and must never lead out of the folder.
    if (part === '' || part === '.' || part === '..' || /[/\0]/.test(part)) {
      throw new Error(`"${resource}" is no name of a resource`);
    }
  }
  return join(context.home, 'run', namespace, name);
}

/** Working folder of the process; relative paths of a manifest start here. */
export function workingFolder(target: RuntimeTarget): string {
  return resolve(target.spec.runtime.cwd);
}
