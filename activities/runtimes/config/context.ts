import { join, resolve } from 'node:path';
import type { RuntimeTarget } from '../../../domain/action/runtime';
import type { ConfigSpec } from '../../../domain/runtime-spec';
import type { ConfigFiles } from '../files/config-files';
import { resourceFolder } from '../process/context';
import type { SystemdContext } from '../systemd/context';

/** What every part of the runtime needs to know; `home` is absolute. */
export interface ConfigContext {
  home: string;
  /** Epoch ms. */
  now: () => number;
  reloadTimeoutMs: number;
  systemd: SystemdContext;
}

/** What the manifest says of the reload; a target of another runtime never comes here. */
export function configSpecOf({ resource, spec }: RuntimeTarget): ConfigSpec {
  if (spec.runtime.type === 'config') return spec.runtime;
  throw new Error(`${resource} is of runtime ${spec.runtime.type}, not config`);
}

/** Relative paths start at the worker's working folder. */
export function filesOf({ spec }: RuntimeTarget): ConfigFiles {
  return { files: spec.config, folder: resolve('.') };
}

export function runFolderOf({ home }: ConfigContext, { resource }: RuntimeTarget): string {
  return resourceFolder(join(home, 'run'), resource);
}

export function backupFolderOf({ home }: ConfigContext, { resource }: RuntimeTarget): string {
  return resourceFolder(join(home, 'backups'), resource);
}
