import { TransientError, type RuntimeTarget } from '../../../domain/action/runtime';
import type { ResourceKey } from '../../../domain/resource';
import { nameOf, readSet, type Container, type ReplicaSet } from './containers';
import { dockerOf, type DockerContext } from './context';
import { createContainer, type Making } from './create';
import { becomeHealthy } from './health';
import { lossesOf } from './alterations';
import { tailOf } from './logs';
import type { Model } from './reshape';

export interface Swap {
  target: RuntimeTarget;
  key: string;
  old: Container;
  wanted: Model;
  /**
   * When the old container may go: an update waits for health, and for all that was asked; a restart
   * leaves both to others.
   */
  until: 'healthy' | 'started';
}

/**
 * Puts a new container in the place of one replica. Every step can be repeated, and its state is in
 * the engine alone: `-next` is created, the old one stopped, `-next` started and judged; then the
 * old one is removed and `-next` takes its name. One that does not become healthy is kept as
 * `-failed`, and the old one runs again. Returns the last lines of the old container's logs.
 */
export async function swap(
  context: DockerContext,
  given: Swap,
  set: ReplicaSet,
): Promise<string[]> {
  const { engine } = context;
  const { old, key } = given;
  const ofReplica = (role: 'next' | 'failed'): Container | undefined =>
    set[role].find((one) => one.replica === old.replica);
  const failed = ofReplica('failed');
  if (failed?.key === key) {
    const why = `it ended with code ${failed.info.State.ExitCode}, as an earlier attempt found`;
    throw await giveUp(context, given, { failed, why });
  }
  if (failed !== undefined) await engine.remove(failed.id, { volumes: false });
  const next = ofReplica('next') ?? (await makeNext(context, given));
  if (!next.wasStarted) {
    if (given.until === 'healthy') await refuseLosses(context, given, next);
    await engine.stop(old.id, old.spec.stopTimeout);
    await startNext(context, given, next);
  }
  if (given.until === 'healthy') {
    const verdict = await becomeHealthy(engine, next.id, dockerOf(given.target));
    if (verdict.kind === 'unhealthy')
      throw await putAway(context, given, { next, why: verdict.why });
  }
  const logs = await tailOf(context, old);
  await engine.remove(old.id, { volumes: false });
  await engine.rename(next.id, nameOf(given.target.resource, old.replica));
  return logs;
}

async function makeNext(context: DockerContext, given: Swap): Promise<Container> {
  const { target, key, old, wanted } = given;
  const { resource } = target;
  const { replica, info: replaces } = old;
  const { pull } = dockerOf(target);
  return make(context, { ...wanted, resource, key, replica, role: 'next', pull, replaces });
}

/** Makes a container, or finds the one that an earlier attempt with the same key made. */
export async function make(context: DockerContext, making: Making): Promise<Container> {
  const { resource, replica, role, key } = making;
  await createContainer(context, making);
  const set = await readSet(context, resource);
  const made = set[role].find((one) => one.replica === replica && one.key === key);
  if (made !== undefined) return made;
  throw new Error(
    `a container named ${nameOf(resource, replica, role)} is there already, and it is not this Vigil's: rename or remove it`,
  );
}

/** What an engine does not keep, it would not keep of the next container either: each would be swapped again. */
async function refuseLosses(
  context: DockerContext,
  { target }: Swap,
  next: Container,
): Promise<void> {
  const losses = await lossesOf(context, target, next);
  if (losses === null) return;
  await context.engine.remove(next.id, { volumes: false });
  throw new Error(`${target.resource}: ${losses}. Nothing was swapped`);
}

async function startNext(context: DockerContext, given: Swap, next: Container): Promise<void> {
  try {
    await context.engine.start(next.id);
  } catch (error) {
    // The next attempt goes on from here.
    if (error instanceof TransientError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw await putAway(context, given, { next, why });
  }
}

/** The new container is stopped first: it may hold the port that the old one needs. */
async function putAway(
  context: DockerContext,
  given: Swap,
  { next, why }: { next: Container; why: string },
): Promise<Error> {
  const { engine } = context;
  await engine.stop(next.id, next.spec.stopTimeout);
  await engine.rename(next.id, nameOf(given.target.resource, next.replica, 'failed'));
  return giveUp(context, given, { failed: next, why });
}

async function giveUp(
  context: DockerContext,
  { target: { resource }, old, wanted }: Swap,
  { failed, why }: { failed: Container; why: string },
): Promise<Error> {
  await context.engine.start(old.id);
  const lines = (await tailOf(context, failed)).slice(-3);
  const said = lines.length === 0 ? '' : `; it said: ${lines.join(' | ')}`;
  return new Error(
    `${resource}: a new container ${old.replica} of image ${wanted.spec.image ?? ''} did not become healthy: ${why}${said}. The old one runs again, and the new one is kept as ${nameOf(resource, old.replica, 'failed')}`,
  );
}

/**
 * Ends what an act that is no longer at work left behind: a swap that was committed gets its name,
 * any other is forgotten. What `key` left behind is its own to go on with.
 */
export async function tidy(
  context: DockerContext,
  { resource, key }: { resource: ResourceKey; key: string },
  set: ReplicaSet,
): Promise<ReplicaSet> {
  const { engine } = context;
  const present = new Set(set.current.map(({ replica }) => replica));
  const loose = set.next.filter((one) => one.key !== key || !present.has(one.replica));
  if (loose.length === 0) return set;
  for (const one of loose) {
    if (present.has(one.replica)) await engine.remove(one.id, { volumes: false });
    else await engine.rename(one.id, nameOf(resource, one.replica));
  }
  return readSet(context, resource);
}
