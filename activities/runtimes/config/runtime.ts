import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  stepOf,
  type ExecuteRequest,
  type Runtime,
  type RuntimeTarget,
} from '../../../domain/action/runtime';
import { withLock } from '../process/lock';
import type { SystemdContext } from '../systemd/context';
import { SYSTEMD_DEFAULTS } from '../systemd/spec';
import { filesOf, runFolderOf, type ConfigContext } from './context';
import { observe, readPlainFile, remembered, type BeforeFiles } from './look';
import { CONFIG_CATALOGUE, CONFIG_DEFAULTS } from './spec';
import { findDone, identityOf, restore, VERBS } from './verbs';

export interface ConfigRuntimeDeps {
  /** `VIGIL_HOME`; the backups live in its `backups/`. */
  home: string;
  /** Epoch ms. */
  now: () => number;
  reloadTimeoutMs?: number;
  /** How systemd is reached, for `reload: { unit }`. */
  systemd?: Partial<SystemdContext>;
}

/** The runtime of files alone on this host. */
export function createConfigRuntime(deps: ConfigRuntimeDeps): Runtime {
  const home = resolve(deps.home);
  const { now, systemd } = deps;
  const context: ConfigContext = {
    ...CONFIG_DEFAULTS,
    ...deps,
    home,
    systemd: { ...SYSTEMD_DEFAULTS, home, now, ...systemd },
  };

  async function locked<T>(
    target: RuntimeTarget,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T> {
    const folder = runFolderOf(context, target);
    await mkdir(folder, { recursive: true });
    return withLock(folder, signal, () => {
      // Last chance to turn back: what has begun is brought to its end, aborted or not.
      signal.throwIfAborted();
      return work();
    });
  }

  return {
    catalogue: CONFIG_CATALOGUE,

    async inspect(target) {
      const takenAt = context.now();
      return {
        identity: await identityOf(target),
        takenAt,
        before: { files: await before(target) },
      };
    },

    async execute(given, signal) {
      const request = withVerb(given);
      const { action } = request.step;
      const verb = Object.hasOwn(VERBS, action) ? VERBS[action] : undefined;
      if (verb === undefined) throw unknownVerb(action);
      return locked(request.target, signal, () => verb(context, request));
    },

    findDone: (request) => findDone(context, withVerb(request)),

    restore: (request, signal) =>
      locked(request.target, signal, () => restore(context, withVerb(request))),

    async observe(target) {
      return {
        identity: await identityOf(target),
        // Files do not run; that they differ is drift of the files.
        isRunning: true,
        isAbsent: false,
        command: null,
        env: null,
        ...(await observe(target)),
      };
    },

    ensureRunning: () => Promise.resolve(null),
  };
}

/** What is no plain file has no content to bring back; `execute` refuses it by name. */
async function before(target: RuntimeTarget): Promise<BeforeFiles> {
  const { files, folder } = filesOf(target);
  const found: BeforeFiles = {};
  for (const { path } of files) {
    found[path] = remembered(await readPlainFile(resolve(folder, path)).catch(() => null));
  }
  return found;
}

function withVerb(request: ExecuteRequest): ExecuteRequest {
  const { action, params } = stepOf(CONFIG_CATALOGUE, request.step.action);
  return { ...request, step: { action, params: { ...params, ...request.step.params } } };
}

function unknownVerb(action: string): Error {
  const known = CONFIG_CATALOGUE.verbs.map(({ verb }) => verb).join(', ');
  return new Error(`runtime config has no action "${action}"; it has ${known}`);
}
