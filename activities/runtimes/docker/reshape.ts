import type { ExecuteRequest, RuntimeTarget } from '../../../domain/action/runtime';
import { mayDiffer } from '../../../domain/drift/repair';
import type { ContainerSpec } from '../../../domain/runtime-spec';
import { alterationsOf } from './alterations';
import type { Container, ReplicaSet } from './containers';
import { dockerOf, type DockerContext } from './context';
import { tailOf } from './logs';
import { make, swap } from './swap';

/** One act under way. */
export interface Act {
  context: DockerContext;
  request: ExecuteRequest;
  signal: AbortSignal;
}

/** What a replica is to be made from. */
export interface Model {
  spec: ContainerSpec;
  /** The very image, where its name may mean another one by now; null: whatever the name means. */
  imageId: string | null;
}

export interface Reshaping {
  /** By number: what the set is to look like. */
  shape: ReadonlyMap<number, Model>;
  /** See Swap. */
  until: 'healthy' | 'started';
  /** Which of those present are swapped: whose spec or image differs, or also whose secrets do or which do not run. */
  swaps: 'none' | 'differing' | 'drifted';
}

/**
 * Brings a set to a shape, one replica after the other: makes what is missing, swaps what differs,
 * removes what is too much. What already carries the key is done. Returns the logs of what went.
 */
export async function reshape(act: Act, given: Reshaping, set: ReplicaSet): Promise<string[]> {
  const { context, request, signal } = act;
  const logs: string[] = [];
  for (const [replica, wanted] of given.shape) {
    // Between two replicas is the place to turn back; what has begun is brought to its end.
    signal.throwIfAborted();
    const old = set.current.find((one) => one.replica === replica);
    if (old === undefined) {
      await makeAndStart(context, request, { replica, ...wanted });
    } else if (!old.wasStarted) {
      await context.engine.start(old.id);
    } else if (await isToBeSwapped(context, request, { old, wanted, ...given })) {
      const { until } = given;
      const { target, key } = request;
      logs.push(...(await swap(context, { target, key, old, wanted, until }, set)));
    }
  }
  const unwanted = set.current.filter(({ replica }) => !given.shape.has(replica));
  for (const surplus of [...set.extra, ...unwanted]) {
    signal.throwIfAborted();
    logs.push(...(await removeReplica(context, surplus, set)));
  }
  return logs;
}

/** Whether nothing is left to be done of a reshaping. */
export async function isInShape(
  context: DockerContext,
  request: ExecuteRequest,
  { given, set }: { given: Reshaping; set: ReplicaSet },
): Promise<boolean> {
  if (set.next.some(({ key }) => key === request.key)) return false;
  if (set.failed.some(({ key }) => key === request.key)) return false;
  if (set.extra.length > 0 || set.current.length !== given.shape.size) return false;
  for (const old of set.current) {
    const wanted = given.shape.get(old.replica);
    if (wanted === undefined || !old.wasStarted) return false;
    if (await isToBeSwapped(context, request, { old, wanted, ...given })) return false;
  }
  return true;
}

async function isToBeSwapped(
  context: DockerContext,
  { key, target }: Pick<ExecuteRequest, 'key' | 'target'>,
  { old, wanted, swaps }: { old: Container; wanted: Model } & Pick<Reshaping, 'swaps'>,
): Promise<boolean> {
  if (swaps === 'none' || old.key === key) return false;
  if (await differs(context, old, wanted)) return true;
  return swaps === 'drifted' && (!old.isRunning || (await wasAltered(context, target, old)));
}

/** Whether a container was made from another spec or image. */
async function differs(
  { engine }: DockerContext,
  { spec, info }: Container,
  wanted: Model,
): Promise<boolean> {
  if (JSON.stringify(spec) !== JSON.stringify(wanted.spec)) return true;
  const id = wanted.imageId ?? (await engine.image(wanted.spec.image ?? ''))?.id ?? null;
  return id !== null && id !== info.Image;
}

/** Whether a container is not what it was made from: somebody changed it, or a secret is another by now. */
async function wasAltered(
  context: DockerContext,
  target: RuntimeTarget,
  container: Container,
): Promise<boolean> {
  const altered = await alterationsOf(context, target, container);
  return altered.some(({ pointer }) => !mayDiffer(target, pointer));
}

/** A replica that is not there yet; repeated, it goes on with what it made. */
export async function makeAndStart(
  context: DockerContext,
  { target, key }: { target: RuntimeTarget; key: string },
  { replica, spec, imageId }: Model & { replica: number },
): Promise<void> {
  const { pull } = dockerOf(target);
  const { resource } = target;
  const making = { resource, replica, role: 'current' as const, key, spec, imageId, pull };
  const made = await make(context, making);
  await context.engine.start(made.id);
}

async function removeReplica(
  context: DockerContext,
  surplus: Container,
  set: ReplicaSet,
): Promise<string[]> {
  const { engine } = context;
  await engine.stop(surplus.id, surplus.spec.stopTimeout);
  const logs = await tailOf(context, surplus);
  for (const failed of set.failed.filter(({ replica }) => replica === surplus.replica)) {
    await engine.remove(failed.id, { volumes: true });
  }
  await engine.remove(surplus.id, { volumes: true });
  return logs;
}
