import { existsSync } from 'node:fs';
import type { RuntimeTarget } from '../../../domain/action/runtime';
import type { ConfigFiles } from '../files/config-files';
import type { SystemdSpec, UnitScope } from '../../../domain/runtime-spec';

/** What every part of the runtime needs to know; `home` is absolute. */
export interface SystemdContext {
  home: string;
  /** Epoch ms. */
  now: () => number;
  jobTimeoutMs: number;
  askTimeoutMs: number;
  /** The program and the arguments that come first. */
  systemctl: readonly string[];
  journalctl: readonly string[];
}

/** A unit, and whose manager has it. */
export interface Unit {
  unit: string;
  scope: UnitScope;
}

/** What the manifest says of the unit; a target of another runtime never comes here. */
export function unitOf({ resource, spec }: RuntimeTarget): SystemdSpec {
  if (spec.runtime.type === 'systemd') return spec.runtime;
  throw new Error(`${resource} is of runtime ${spec.runtime.type}, not systemd`);
}

/** Relative paths start at the worker's working folder. */
export function configOf({ spec }: RuntimeTarget): ConfigFiles {
  return { files: spec.config, folder: process.cwd() };
}

/** The worker's, in a language that can be parsed, and with the way to the user's manager. */
export function environmentOf(scope: UnitScope): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, LC_ALL: 'C', SYSTEMD_COLORS: '0' };
  const folder = `/run/user/${process.getuid?.() ?? 0}`;
  // A worker that is itself a system unit has none, though the user's manager runs.
  if (scope === 'user' && env['XDG_RUNTIME_DIR'] === undefined && existsSync(folder))
    env['XDG_RUNTIME_DIR'] = folder;
  return env;
}
