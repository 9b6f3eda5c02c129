import { join, resolve } from 'node:path';
import { parseResourceKey, type ResourceKey } from '../../../domain/resource';
import type { RuntimeTarget } from '../../../domain/action/runtime';
import type { ProcessSpec } from '../../../domain/runtime-spec';
import type { ConfigFiles } from '../files/config-files';

/** What every part of the runtime needs to know; `home` is absolute. */
export interface ProcessContext {
  home: string;
  now: () => number;
  stopTimeoutMs: number;
  logMaxBytes: number;
  logFiles: number;
}

/** `$home/run/<namespace>/<name>`: the record and the logs of one resource. */
export function runFolder({ home }: Pick<ProcessContext, 'home'>, resource: ResourceKey): string {
  return resourceFolder(join(home, 'run'), resource);
}

/** `<parent>/<namespace>/<name>`. */
export function resourceFolder(parent: string, resource: ResourceKey): string {
  const { namespace, name } = parseResourceKey(resource);
  for (const part of [namespace, name]) {
    // A name comes from a manifest and must never lead out of the folder.
    if (part === '' || part === '.' || part === '..' || /[/\0]/.test(part)) {
      throw new Error(`"${resource}" is no name of a resource`);
    }
  }
  return join(parent, namespace, name);
}

/** What the manifest says of the process; a target of another runtime never comes here. */
export function processOf({ resource, spec }: RuntimeTarget): ProcessSpec {
  if (spec.runtime.type === 'process') return spec.runtime;
  throw new Error(`${resource} is of runtime ${spec.runtime.type}, not process`);
}

/** Working folder of the process; relative paths of a manifest start here. */
export function workingFolder(target: RuntimeTarget): string {
  return resolve(processOf(target).cwd);
}

export function configOf(target: RuntimeTarget): ConfigFiles {
  return { files: target.spec.config, folder: workingFolder(target) };
}
