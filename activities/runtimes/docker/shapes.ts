import type { ExecuteRequest, RuntimeTarget, Snapshot } from '../../../domain/action/runtime';
import { withLeft } from '../../../domain/drift/container-facts';
import { isLeft, mayDiffer } from '../../../domain/drift/repair';
import type { Step, StepParams } from '../../../domain/policy/policy';
import { parseMemory } from '../../../domain/quantity';
import type { ContainerSpec } from '../../../domain/runtime-spec';
import type { Container, ReplicaSet } from './containers';
import { containerSpecOf, dockerOf } from './context';
import type { Model, Reshaping } from './reshape';

/** What `restore` brings back. */
interface Before extends Record<string, unknown> {
  replicas: (Model & { replica: number })[];
}

function beforeOf({ current }: ReplicaSet): Before {
  return { replicas: current.map((one) => ({ replica: one.replica, ...modelOf(one) })) };
}

/** What a container was made from. */
export function modelOf({ spec, info }: Container): Model {
  return { spec, imageId: info.Image };
}

/** What the manifest says. */
export function desiredModel(target: RuntimeTarget): Model {
  return { spec: containerSpecOf(dockerOf(target)), imageId: null };
}

/** The set as the snapshot shows it; null: there was none. */
export function restoring({ snapshot }: ExecuteRequest): Reshaping | null {
  const { replicas } = (snapshot.before ?? { replicas: [] }) as Before;
  if (replicas.length === 0) return null;
  const shape = new Map(replicas.map(({ replica, ...model }) => [replica, model]));
  // It is what was asked for, healthy or not: nothing better is at hand to bring back.
  return { shape, until: 'started', swaps: 'differing' };
}

/**
 * The set as the manifest says. Where its image is left alone, each container keeps the very one it
 * has, and where ports, volumes, network or health check are, what it was made with.
 */
export function syncing({ target }: ExecuteRequest, { current }: ReplicaSet): Reshaping {
  const model = desiredModel(target);
  const modelFor = (n: number): Model => {
    const old = current.find(({ replica }) => replica === n);
    if (old === undefined) return model;
    const spec = withLeft(model.spec, {
      old: old.spec,
      isLeft: (pointer) => mayDiffer(target, pointer),
    });
    if (!isLeft(target, '/image')) return { ...model, spec };
    return { spec: { ...spec, image: old.spec.image }, imageId: old.info.Image };
  };
  const shape = new Map(numbers(current, dockerOf(target).replicas).map((n) => [n, modelFor(n)]));
  return { shape, until: 'healthy', swaps: 'drifted' };
}

/** The set as it is, with other parameters. Throws when there is nothing to change. */
export function updating({ target, step }: ExecuteRequest, { current }: ReplicaSet): Reshaping {
  if (current.length === 0) {
    throw new Error(`${target.resource} has no container to update; start it first`);
  }
  const changes = changesOf(step.params);
  const shape = new Map(current.map((one) => [one.replica, changed(one, changes)]));
  return { shape, until: 'healthy', swaps: 'differing' };
}

/** An image that is not named anew stays the very same. */
function changed({ spec, info }: Container, { image, env, resources }: Changes): Model {
  return {
    spec: containerSpecOf({
      ...spec,
      image: image ?? spec.image,
      env: { ...spec.env, ...env },
      resources: { ...spec.resources, ...resources },
    }),
    imageId: image === undefined ? info.Image : null,
  };
}

interface Changes {
  image?: string;
  env: Record<string, string>;
  resources: Partial<ContainerSpec['resources']>;
}

function changesOf({ image, env, cpus, memory }: StepParams): Changes {
  if ([image, env, cpus, memory].every((given) => given === undefined)) {
    throw new Error('update changes nothing: give it image, env, cpus or memory');
  }
  const bytes = memory === undefined ? undefined : parseMemory(String(memory));
  if (bytes === null) throw new Error(`memory "${String(memory)}" is no amount such as 512Mi`);
  return {
    ...(image === undefined ? {} : { image: String(image) }),
    env: variablesOfLines(env === undefined ? '' : String(env)),
    resources: {
      ...(cpus === undefined ? {} : { cpus: Number(cpus) }),
      ...(bytes === undefined ? {} : { memory: bytes }),
    },
  };
}

/** `NAME=value`, one a line. */
function variablesOfLines(text: string): Record<string, string> {
  const pairs = text.split('\n').filter((line) => line.trim() !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(pair);
      if (match === null) throw new Error('env must be NAME=value, one a line');
      return [match[1] ?? '', match[2] ?? ''];
    }),
  );
}

/** The set with as many replicas as the aim says: more of what runs, or less of it. */
export function scaling({ target, snapshot, step }: ExecuteRequest, set: ReplicaSet): Reshaping {
  const { current } = set;
  const before = (snapshot.before as Before | undefined)?.replicas.length ?? current.length;
  const to = checkedCount(target, (snapshot.aim ?? aimOf(target, step, before))['to']);
  const [first] = current;
  const model = first === undefined ? desiredModel(target) : modelOf(first);
  const shape = new Map(numbers(current, to).map((n) => [n, model]));
  return { shape, until: 'started', swaps: 'none' };
}

/**
 * `by: 1` → `to: 3`. It stays within the bounds where there is room left, and beyond them where
 * there is none, so that the act is refused and says why.
 */
export function aimOf({ spec }: RuntimeTarget, { params }: Step, present: number): StepParams {
  if (params['to'] !== undefined) return { to: params['to'] };
  const to = present + Number(params['by'] ?? Number.NaN);
  if (spec.scaling === undefined) return { to };
  const bounded = Math.min(Math.max(to, spec.scaling.min), spec.scaling.max);
  return { to: bounded === present ? to : bounded };
}

function checkedCount({ resource, spec }: RuntimeTarget, given: unknown): number {
  const { scaling: bounds } = spec;
  if (bounds === undefined) {
    throw new Error(`${resource} may not be scaled: give its manifest spec.scaling { min, max }`);
  }
  const to = Number(given);
  if (!Number.isInteger(to) || given === null) {
    throw new Error('scale needs a whole number: by or to');
  }
  if (to < bounds.min || to > bounds.max) {
    throw new Error(
      `${resource} would have ${to} replicas, and spec.scaling allows ${bounds.min} to ${bounds.max}`,
    );
  }
  return to;
}

/** As many numbers: those that are there, the lowest first, then the lowest that are free. */
export function numbers(current: readonly Container[], count: number): number[] {
  const taken = current.map(({ replica }) => replica);
  const free = Array.from({ length: taken.length + count }, (_, i) => i + 1).filter(
    (n) => !taken.includes(n),
  );
  return [...taken.slice(0, count), ...free.slice(0, Math.max(0, count - taken.length))].sort(
    (a, b) => a - b,
  );
}

export function snapshotOf(
  target: RuntimeTarget,
  step: Step | undefined,
  { set, identity, takenAt }: { set: ReplicaSet; identity: string | null; takenAt: number },
): Snapshot {
  return {
    identity,
    takenAt,
    before: beforeOf(set),
    ...(step?.action === 'scale' ? { aim: aimOf(target, step, set.current.length) } : {}),
  };
}
