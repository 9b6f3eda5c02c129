import type { RuntimeTarget } from '../../../domain/action/runtime';
import type { Change } from '../../../domain/drift/change';
import { nameOf, shown } from '../../../domain/drift/describe';
import { driftOf } from '../../../domain/drift/diff';
import { mayDiffer } from '../../../domain/drift/repair';
import { groupOf, leafOf } from '../../../domain/drift/normalise';
import type { DockerSpec } from '../../../domain/runtime-spec';
import { isSecretReference } from '../../../platform/secret-references';
import type { Container } from './containers';
import { dockerOf, type DockerContext } from './context';
import { factsOf } from './facts';

/** Where its state or its image's name differs, others tell. */
const OTHERS: ReadonlySet<string> = new Set(['running', 'replicas', 'image']);

/**
 * How a container differs from what it was made from, as drift would tell it: somebody changed it, the
 * engine did not keep what was asked, or a secret is another by now.
 */
export async function alterationsOf(
  context: DockerContext,
  target: RuntimeTarget,
  container: Container,
): Promise<Change[]> {
  const runtime: DockerSpec = { ...dockerOf(target), ...container.spec };
  const facts = await factsOf(context, [container], runtime);
  const { identity } = container;
  const observed = { identity, isRunning: true, isAbsent: false, config: [], ...facts };
  const spec = { ...target.spec, runtime, config: [] };
  delete spec.drift;
  return driftOf(spec, observed, { sha256: () => '' }).filter(
    ({ pointer }) => !OTHERS.has(groupOf(pointer)),
  );
}

/**
 * What an engine did not keep of a container that nobody else can have changed yet, for people; null:
 * it kept all that is not left to others anyway.
 */
export async function lossesOf(
  context: DockerContext,
  target: RuntimeTarget,
  container: Container,
): Promise<string | null> {
  const { env } = container.spec;
  // It may have become another since.
  const isSecret = (pointer: string): boolean =>
    groupOf(pointer) === 'env' && isSecretReference(env[leafOf(pointer)] ?? '');
  const lost = (await alterationsOf(context, target, container)).filter(
    ({ pointer }) => !isSecret(pointer) && !mayDiffer(target, pointer),
  );
  if (lost.length === 0) return null;
  const pointers = lost.map(({ pointer }) => pointer).join(', ');
  return `this engine does not keep ${lost.map(lossOf).join(', ')}, so that each new container would differ again; let the engine keep it, write in the manifest what it keeps, or name ${pointers} in spec.drift.ignore`;
}

/** What an engine adds to an environment may hold a password: `http_proxy`. */
function lossOf({ pointer, desired, observed }: Change): string {
  const isAdded = groupOf(pointer) === 'env' && observed !== null;
  const kept = isAdded ? 'a value of its own' : shown(pointer, observed);
  return `${nameOf(pointer)} (asked ${shown(pointer, desired)}, kept ${kept})`;
}
