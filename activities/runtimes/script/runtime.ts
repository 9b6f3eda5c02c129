import { stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { foundByIdentity, toldIdentity, UNSEEN } from '../../../domain/action/opaque';
import type {
  ExecuteRequest,
  Runtime,
  RuntimeTarget,
  Snapshot,
} from '../../../domain/action/runtime';
import type { ScriptAction, ScriptSpec } from '../../../domain/runtime-spec';
import { sha256 } from '../../../platform/sha256';
import { argumentsOf } from './command';
import { createScriptEnvironment } from './environment';
import { findProgram } from './program';
import { endRun } from './processes';
import { resultOf } from './result';
import { runProgram, type Run } from './run';
import { SCRIPT_CATALOGUE, SCRIPT_LIMITS } from './spec';

export interface ScriptRuntimeDeps {
  /** Full paths of the folders whose programs may be run (`worker.script.folders`). */
  folders: readonly string[];
  /** Epoch ms. */
  now: () => number;
  /** From SIGTERM to SIGKILL. */
  killAfterMs?: number;
}

/** The runtime of people's own commands. Needs Linux (/proc). */
export function createScriptRuntime(deps: ScriptRuntimeDeps): Runtime {
  const killAfterMs = deps.killAfterMs ?? SCRIPT_LIMITS.killAfterMs;

  /** All that can be known to fail is tried before anything is run. */
  async function prepare(
    target: RuntimeTarget,
    command: readonly string[],
    request: ExecuteRequest | null,
  ): Promise<{ run: Omit<Run, 'timeoutMs' | 'signal'>; secrets: string[] }> {
    const spec = scriptOf(target);
    const source = { target, host: hostname() };
    const { key, step } = request ?? {};
    const acting = key === undefined ? {} : { key, params: step?.params ?? {} };
    const args = argumentsOf(command, { ...source, ...acting });
    const program = await findProgram(command[0] ?? '', { cwd: spec.cwd, folders: deps.folders });
    const cwd = spec.cwd ?? program.folder;
    await checkFolder(cwd);
    const { variables, secrets } = await createScriptEnvironment(spec, target, key ?? null);
    const marks = key === undefined ? null : { resource: target.resource, key };
    return { run: { path: program.path, args, cwd, env: variables, killAfterMs, marks }, secrets };
  }

  /** What its `inspect` command prints; null: it has none, or that did not end well. */
  async function identityOf(target: RuntimeTarget): Promise<Snapshot['identity']> {
    const { inspect } = scriptOf(target);
    if (inspect === null) return null;
    const { run, secrets } = await prepare(target, inspect.command, null);
    const limits = { timeoutMs: SCRIPT_LIMITS.inspectTimeoutMs, signal: null };
    const { how, stdout } = await runProgram({ ...run, ...limits });
    if (how.kind !== 'exited' || how.code !== 0) return null;
    return toldIdentity(stdout.captured(secrets).text, sha256);
  }

  return {
    catalogue: SCRIPT_CATALOGUE,

    inspect: async (target) => ({ identity: await identityOf(target), takenAt: deps.now() }),

    async execute(request, signal) {
      const { target, key } = request;
      const { command, timeoutMs, idempotent } = actionOf(request);
      const { run: prepared, secrets } = await prepare(target, command, request);
      const marks = { resource: target.resource, key };
      // A worker that died may have left the run of an idempotent step: never two of them at a time.
      await endRun({ leader: null, marks }, killAfterMs);
      signal.throwIfAborted();
      const run = { ...prepared, timeoutMs, signal };
      const told = resultOf(await runProgram(run), { run, secrets, idempotent });
      // The effect has happened: a look that fails must not make it look otherwise.
      return { identity: await identityOf(target).catch(() => null), ...told };
    },

    async findDone(request) {
      const { idempotent } = actionOf(request);
      const identity = await identityOf(request.target);
      return foundByIdentity(request, { idempotent, identity });
    },

    observe: () => Promise.resolve(UNSEEN),

    ensureRunning: () => Promise.resolve(null),
  };
}

function scriptOf({ resource, spec }: RuntimeTarget): ScriptSpec {
  if (spec.runtime.type === 'script') return spec.runtime;
  throw new Error(`${resource} is of runtime ${spec.runtime.type}, not script`);
}

function actionOf({ target, step }: ExecuteRequest): ScriptAction {
  const { actions } = scriptOf(target);
  const action = Object.hasOwn(actions, step.action) ? actions[step.action] : undefined;
  if (action !== undefined) return action;
  const known = Object.keys(actions).join(', ');
  throw new Error(`runtime script has no action "${step.action}"; it has ${known}`);
}

async function checkFolder(path: string): Promise<void> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw new Error(`its working folder ${path} is not there`);
}
