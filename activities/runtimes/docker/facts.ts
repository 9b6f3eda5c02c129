import { isDeepStrictEqual } from 'node:util';
import type { ObservedState } from '../../../domain/action/runtime';
import {
  containerFactsOf,
  containerValues,
  type ContainerFacts,
} from '../../../domain/drift/container-facts';
import type { DockerSpec } from '../../../domain/runtime-spec';
import { isSecretReference } from '../../../platform/secret-references';
import { amountsOf, isSameCpu, ownPartsOf, type OwnParts } from './own-parts';
import { networksOf, peersOf, portsOf, volumesOf, type Peers } from './connections';
import { variablesOf, type Container } from './containers';
import type { DockerContext } from './context';
import { healthCheckOf } from './health-check';

type MadeOf = Pick<
  ObservedState,
  'command' | 'env' | 'image' | 'resources' | 'labels' | keyof ContainerFacts
>;

/**
 * What containers are made of, in the manifest's words. Of those that differ from one another, the
 * first that is not as the manifest says is told.
 */
export async function factsOf(
  context: DockerContext,
  containers: readonly Container[],
  spec: DockerSpec,
): Promise<MadeOf> {
  const parts = await ownPartsOfAll(context, containers);
  return {
    command: commandOf(containers, spec),
    env: await variablesShown(context, containers, { spec, parts }),
    image: await imageOf(context, containers, spec),
    ...resourcesOf(containers, spec),
    ...labelsOf(parts, spec),
    ...connectionsOf(containers, { spec, peers: await peersOf(context.engine, containers) }),
  };
}

/** Not looked at where the manifest leaves it to the image. */
function commandOf(containers: readonly Container[], { command }: DockerSpec): string[] | null {
  if (command === null) return null;
  const wanted = JSON.stringify(command);
  const found = containers.map(({ info }) => info.Config.Cmd);
  return found.find((words) => JSON.stringify(words) !== wanted) ?? found[0] ?? null;
}

async function variablesShown(
  { secrets }: DockerContext,
  containers: readonly Container[],
  { spec: { env }, parts }: { spec: DockerSpec; parts: readonly OwnParts[] },
): Promise<Record<string, string | null> | null> {
  if (containers.length === 0) return null;
  const extras = parts.flatMap(({ extraVariables }) => Object.entries(extraVariables));
  // What the manifest named once, and names no longer, is there, too; a reference stands for itself.
  const former = containers.flatMap(({ spec }) => Object.entries(spec.env));
  const shown: Record<string, string | null> = Object.fromEntries(
    [...extras, ...former].filter(([name]) => !(name in env)),
  );
  for (const [name, wanted] of Object.entries(env)) {
    shown[name] = wanted;
    for (const { spec, info } of containers) {
      const madeFrom = spec.env[name] ?? '';
      // Whatever the manifest says by now, the value of a secret is told to nobody.
      const value =
        isSecretReference(madeFrom) && madeFrom !== wanted
          ? madeFrom
          : await secrets.shown(wanted, variablesOf(info).get(name));
      if (value !== wanted) shown[name] = value;
    }
  }
  return shown;
}

async function ownPartsOfAll(
  { engine }: DockerContext,
  containers: readonly Container[],
): Promise<OwnParts[]> {
  const all = await Promise.all(containers.map((one) => ownPartsOf(engine, one)));
  return all.filter((parts) => parts !== null);
}

/** Of the first that has other limits than the manifest says, else of any. */
function resourcesOf(
  containers: readonly Container[],
  { resources: { cpus, memory } }: DockerSpec,
): Pick<ObservedState, 'resources'> {
  const found = containers.map(amountsOf);
  const other = found.find((one) => !isSameCpu(one.cpu, cpus) || one.memory !== memory);
  const resources = other ?? found[0];
  return resources === undefined ? {} : { resources };
}

function labelsOf(
  parts: readonly OwnParts[],
  { labels: wanted }: DockerSpec,
): Pick<ObservedState, 'labels'> {
  const other = parts.find(({ labels }) => !isDeepStrictEqual(labels, wanted));
  const labels = (other ?? parts[0])?.labels;
  return labels === undefined ? {} : { labels };
}

type Connections = Pick<ObservedState, keyof ContainerFacts>;

/** Of each, the first that is not as the manifest says, else any. */
function connectionsOf(
  containers: readonly Container[],
  { spec, peers }: { spec: DockerSpec; peers: Peers },
): Connections {
  const wanted = containerFactsOf(spec);
  const isWanted = (found: ContainerFacts, name: keyof ContainerFacts): boolean =>
    isDeepStrictEqual(
      containerValues({ [name]: found[name] }),
      containerValues({ [name]: wanted[name] }),
    );
  const all = containers.map((one) => ({
    ...{ ports: portsOf(one), volumes: volumesOf(one), networks: networksOf(one, peers) },
    healthCheck: healthCheckOf(one),
  }));
  const [first] = all;
  if (first === undefined) return {};
  const told = <Name extends keyof ContainerFacts>(name: Name) =>
    (all.find((one) => !isWanted(one, name)) ?? first)[name];
  return {
    ...{ ports: told('ports'), volumes: told('volumes'), networks: told('networks') },
    healthCheck: told('healthCheck'),
  };
}

/** The image's name; with its id where the name means another image by now. Null: nothing runs. */
async function imageOf(
  { engine }: DockerContext,
  containers: readonly Container[],
  { image: wanted }: DockerSpec,
): Promise<string | null> {
  const names: string[] = [];
  for (const { spec, info } of containers) {
    const name = spec.image ?? '';
    const id = (await engine.image(name))?.id ?? null;
    names.push(id === null || id === info.Image ? name : `${name} (${info.Image.slice(0, 19)})`);
  }
  return names.find((name) => name !== wanted) ?? names[0] ?? null;
}
