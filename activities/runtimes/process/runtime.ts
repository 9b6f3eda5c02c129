import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { STARTED_WITHOUT_ACTION } from '../../../domain/action/markers';
import {
  stepOf,
  type ExecuteRequest,
  type ObservedState,
  type Runtime,
  type RuntimeTarget,
  type StepResult,
} from '../../../domain/action/runtime';
import { differingFiles, observeFiles, restoreFiles } from '../files/config-files';
import { configOf, processOf, runFolder, type ProcessContext } from './context';
import { createEnvironment } from './environment';
import { findProcess } from './find';
import { releaseLimits } from './limits';
import { withLock } from './lock';
import { rotateLogs } from './logs';
import { readRecord } from './record';
import { PROCESS_CATALOGUE, PROCESS_DEFAULTS } from './spec';
import { stopProcess } from './stop';
import {
  findDone,
  presentProcess,
  reload,
  replace,
  restart,
  start,
  stop,
  sync,
  type Tools,
} from './verbs';

const VERBS: Readonly<
  Record<string, (tools: Tools, request: ExecuteRequest) => Promise<StepResult>>
> = { restart, start, stop, reload, sync };

export interface ProcessRuntimeDeps {
  /** `VIGIL_HOME`; records and logs live in its `run/`. */
  home: string;
  /** Epoch ms. */
  now: () => number;
  stopTimeoutMs?: number;
  logMaxBytes?: number;
  logFiles?: number;
}

export interface ProcessRuntime extends Runtime {
  /** Ends the process outside any action (`stopWithVigil`). False: it did not run. */
  stop: (target: RuntimeTarget) => Promise<boolean>;
}

/** The runtime of programs that Vigil starts itself on this host. Needs Linux (/proc). */
export function createProcessRuntime(deps: ProcessRuntimeDeps): ProcessRuntime {
  const context: ProcessContext = { ...PROCESS_DEFAULTS, ...deps, home: resolve(deps.home) };
  const tools: Tools = { context, environment: createEnvironment(deps.now) };

  async function locked<T>(
    { resource }: RuntimeTarget,
    signal: AbortSignal | null,
    work: () => Promise<T>,
  ): Promise<T> {
    const folder = runFolder(context, resource);
    await mkdir(folder, { recursive: true });
    return withLock(folder, signal, work);
  }

  return {
    catalogue: PROCESS_CATALOGUE,

    async inspect(target) {
      const present = await presentProcess(tools, target);
      return { identity: present?.identity ?? null, takenAt: context.now() };
    },

    async execute(given, signal) {
      const request = withVerb(given);
      const verb = VERBS[request.step.action];
      if (verb === undefined) throw unknownVerb(request.step.action);
      return locked(request.target, signal, () => {
        // Last chance to turn back: what has begun is brought to its end, aborted or not.
        signal.throwIfAborted();
        return verb(tools, request);
      });
    },

    findDone: (request) => findDone(tools, withVerb(request)),

    observe: (target) => observe(tools, target),

    ensureRunning: (target) =>
      locked(target, null, async () => {
        const present = await presentProcess(tools, target);
        if (present !== null) return null;
        await prepareFirstStart(tools, target);
        return replace(tools, target, STARTED_WITHOUT_ACTION, null);
      }),

    stop: (target) =>
      locked(target, null, async () => {
        const present = await presentProcess(tools, target);
        await stopProcess(context, target.resource, present);
        await releaseLimits(context, target.resource);
        return present !== null;
      }),
  };
}

async function observe(tools: Tools, target: RuntimeTarget): Promise<ObservedState> {
  const { context, environment } = tools;
  const folder = runFolder(context, target.resource);
  const record = await readRecord(folder);
  const present = findProcess(context.home, target.resource, record);
  // Every observer passes here regularly, which makes it the place for the logs' upkeep.
  await rotateLogs(context, folder);
  return {
    identity: present?.identity ?? null,
    isRunning: present !== null,
    isAbsent: present === null && record === null,
    command: present?.command ?? null,
    env: present === null ? null : await environment.observe(processOf(target).env, present),
    ...(await observeFiles(configOf(target))),
  };
}

/** The first start makes what the manifest says; later differences are drift, and sync's to decide. */
async function prepareFirstStart({ context }: Tools, target: RuntimeTarget): Promise<void> {
  if ((await readRecord(runFolder(context, target.resource))) !== null) return;
  const config = configOf(target);
  await restoreFiles({ ...config, files: await differingFiles(config) });
}

function withVerb(request: ExecuteRequest): ExecuteRequest {
  const { action, params } = stepOf(PROCESS_CATALOGUE, request.step.action);
  return { ...request, step: { action, params: { ...params, ...request.step.params } } };
}

function unknownVerb(action: string): Error {
  const known = PROCESS_CATALOGUE.verbs.map(({ verb }) => verb).join(', ');
  return new Error(`runtime process has no action "${action}"; it has ${known}`);
}
