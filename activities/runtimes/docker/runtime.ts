import { writeFile, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { STARTED_WITHOUT_ACTION } from '../../../domain/action/markers';
import {
  stepOf,
  type ExecuteRequest,
  type Runtime,
  type RuntimeTarget,
  type StepResult,
} from '../../../domain/action/runtime';
import type { Step } from '../../../domain/policy/policy';
import { parseResourceKey } from '../../../domain/resource';
import { withLock } from '../process/lock';
import { actOnAdopted, adoptedBy, adoptedIdentity, findDoneAdopted } from './adopted';
import { identityOf, readSet } from './containers';
import { dockerOf, type DockerContext } from './context';
import { createEngine } from './engine';
import { observe } from './observe';
import { createSecrets } from '../secrets';
import { snapshotOf } from './shapes';
import { DOCKER_CATALOGUE } from './spec';
import { tidy } from './swap';
import { bringUp, findDone, restore, VERBS } from './verbs';
import { watchEngine } from './watch';

/** There once Vigil has made the first container of a resource. */
const MARKER = 'docker-made';

export interface DockerRuntimeDeps {
  /** `VIGIL_HOME`: whose containers they are; locks live in its `run/`. */
  home: string;
  /** Epoch ms. */
  now: () => number;
  /** Path of the engine's socket or its URL; undefined: DOCKER_HOST, else Docker's default. */
  socket?: string | undefined;
}

/** The runtime of containers that a Docker engine runs for Vigil. Nothing is asked of the engine before it is used. */
export function createDockerRuntime(deps: DockerRuntimeDeps): Runtime {
  const { now } = deps;
  const context: DockerContext = {
    engine: createEngine(deps.socket),
    secrets: createSecrets(now),
    home: resolve(deps.home),
    now,
  };

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
    catalogue: DOCKER_CATALOGUE,

    async inspect(target, step) {
      const takenAt = now();
      if (isAdopting(target)) {
        return { identity: adoptedIdentity(await adoptedBy(context, target)), takenAt };
      }
      const set = await readSet(context, target.resource);
      const identity = identityOf(set.current);
      return snapshotOf(target, step && withVerb(step), { set, identity, takenAt });
    },

    async execute(given, signal) {
      const request = { ...given, step: withVerb(given.step) };
      const verb = VERBS[request.step.action];
      if (verb === undefined) throw unknownVerb(request.step.action);
      return locked(request.target, signal, () => {
        signal.throwIfAborted();
        const act = { context, request, signal };
        return isAdopting(request.target) ? actOnAdopted(act) : verb(act);
      });
    },

    findDone(given) {
      const request = { ...given, step: withVerb(given.step) };
      return isAdopting(request.target)
        ? findDoneAdopted(context, request)
        : findDone(context, request);
    },

    async restore(given, signal) {
      const request: ExecuteRequest = { ...given, step: withVerb(given.step) };
      if (isAdopting(request.target)) return null;
      return locked(request.target, signal, () => {
        signal.throwIfAborted();
        return restore({ context, request, signal });
      });
    },

    observe: (target) => observe(context, target, markerOf(context, target)),

    watch: (handler) => watchEngine(context, handler),

    async ensureRunning(target) {
      // What is not Vigil's is not Vigil's to start.
      if (isAdopting(target)) return null;
      return locked(target, null, () => ensureRunning(context, target));
    },
  };
}

async function ensureRunning(
  context: DockerContext,
  target: RuntimeTarget,
): Promise<StepResult | null> {
  const asked = { target, key: STARTED_WITHOUT_ACTION };
  const { resource } = target;
  const left = await readSet(context, resource);
  const set = await tidy(context, { resource, key: asked.key }, left);
  const count = await bringUp(context, asked, set);
  if (count === 0) return null;
  await writeFile(markerOf(context, target), '');
  const { current } = await readSet(context, resource);
  return { identity: identityOf(current), summary: `started ${count} of ${resource}` };
}

function isAdopting(target: RuntimeTarget): boolean {
  return dockerOf(target).adopt !== null;
}

/** `$home/run/<namespace>/<name>`. */
function runFolder({ home }: DockerContext, resource: string): string {
  const { namespace, name } = parseResourceKey(resource);
  for (const part of [namespace, name]) {
    // A name comes from a manifest and must never lead out of the folder.
    if (part === '' || part === '.' || part === '..' || /[/\0]/.test(part)) {
      throw new Error(`"${resource}" is no name of a resource`);
    }
  }
  return join(home, 'run', namespace, name);
}

function markerOf(context: DockerContext, { resource }: RuntimeTarget): string {
  return join(runFolder(context, resource), MARKER);
}

function withVerb(step: Step): Step {
  const { action, params } = stepOf(DOCKER_CATALOGUE, step.action);
  return { action, params: { ...params, ...step.params } };
}

function unknownVerb(action: string): Error {
  const known = DOCKER_CATALOGUE.verbs.map(({ verb }) => verb).join(', ');
  return new Error(`runtime docker has no action "${action}"; it has ${known}`);
}
