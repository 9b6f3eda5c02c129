import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  stepOf,
  type ExecuteRequest,
  type ObservedState,
  type Runtime,
  type RuntimeTarget,
} from '../../../domain/action/runtime';
import { observeFiles } from '../files/config-files';
import { resourceFolder } from '../process/context';
import { withLock } from '../process/lock';
import { configOf, unitOf, type SystemdContext } from './context';
import { isUp, stateLine, type UnitState } from './properties';
import { SYSTEMD_CATALOGUE, SYSTEMD_DEFAULTS } from './spec';
import { showUnit } from './systemctl';
import { findDone, identityOf, verbOf, type Before } from './verbs';

export type SystemdRuntimeDeps = Pick<SystemdContext, 'home' | 'now'> & Partial<SystemdContext>;

/** The runtime of units of systemd on this host, through `systemctl` and `journalctl`. */
export function createSystemdRuntime(deps: SystemdRuntimeDeps): Runtime {
  const context: SystemdContext = { ...SYSTEMD_DEFAULTS, ...deps, home: resolve(deps.home) };

  return {
    catalogue: SYSTEMD_CATALOGUE,

    async inspect(target) {
      const takenAt = context.now();
      const state = await showUnit(context, unitOf(target));
      return { identity: identityOf(state), takenAt, before: { ...beforeOf(state) } };
    },

    async execute(given, signal) {
      const request = withVerb(given);
      const verb = verbOf(request.step.action);
      if (verb === null) throw unknownVerb(request.step.action);
      const folder = resourceFolder(join(context.home, 'run'), request.target.resource);
      await mkdir(folder, { recursive: true });
      return withLock(folder, signal, () => {
        // Last chance to turn back: a job of systemd goes on without whoever asked for it.
        signal.throwIfAborted();
        return verb(context, request);
      });
    },

    findDone: (request) => findDone(context, withVerb(request)),
    observe: (target) => observe(context, target),
    // Whether a unit starts at boot is systemd's to know (`systemctl enable`).
    ensureRunning: () => Promise.resolve(null),
  };
}

async function observe(context: SystemdContext, target: RuntimeTarget): Promise<ObservedState> {
  const state = await showUnit(context, unitOf(target));
  return {
    identity: identityOf(state),
    isRunning: isUp(state),
    isAbsent: false,
    command: null,
    env: null,
    ...(await observeFiles(configOf(target))),
    health: healthOf(state),
    details: {
      state: stateLine(state),
      result: state.result,
      automaticRestarts: state.automaticRestarts,
      exitStatus: state.exitStatus,
    },
  };
}

const HEALTH: Readonly<Record<string, ObservedState['health']>> = {
  active: 'healthy',
  reloading: 'healthy',
  activating: 'starting',
  failed: 'unhealthy',
};

function healthOf({ activeState }: UnitState): NonNullable<ObservedState['health']> | null {
  return HEALTH[activeState] ?? null;
}

function beforeOf({
  invocationId,
  automaticRestarts,
  activeSinceUs,
  activeState,
}: UnitState): Before {
  return { invocationId, automaticRestarts, activeSinceUs, activeState };
}

function withVerb(request: ExecuteRequest): ExecuteRequest {
  const { action, params } = stepOf(SYSTEMD_CATALOGUE, request.step.action);
  return { ...request, step: { action, params: { ...params, ...request.step.params } } };
}

function unknownVerb(action: string): Error {
  const known = SYSTEMD_CATALOGUE.verbs.map(({ verb }) => verb).join(', ');
  return new Error(`runtime systemd has no action "${action}"; it has ${known}`);
}
