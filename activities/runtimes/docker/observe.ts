import { existsSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { ContainerInspectInfo } from 'dockerode';
import type { ObservedState, RuntimeTarget } from '../../../domain/action/runtime';
import type { DockerSpec } from '../../../domain/runtime-spec';
import { adoptedBy, adoptedIdentity } from './adopted';
import { observeFiles } from '../files/config-files';
import { isSecretReference } from '../../../platform/secret-references';
import { amountsOf, isSameCpu, ownPartsOf, type OwnParts } from './alterations';
import { identityOf, readSet, variablesOf, type Container } from './containers';
import { dockerOf, type DockerContext } from './context';

/**
 * What stands, in the manifest's words. Of replicas that differ from one another, the first that
 * is not as the manifest says is told.
 * @param marker a file that is there once Vigil has made the first container
 */
export async function observe(
  context: DockerContext,
  target: RuntimeTarget,
  marker: string,
): Promise<ObservedState> {
  const spec = dockerOf(target);
  if (spec.adopt !== null) return observeAdopted(await adoptedBy(context, target));
  const { current, next, failed } = await readSet(context, target.resource);
  // A new container serves before its swap has ended.
  const running = [...current, ...next].filter(({ isRunning }) => isRunning);
  const parts = await ownPartsOfAll(context, running);
  const isAbsent = current.length + next.length + failed.length === 0 && !existsSync(marker);
  return {
    identity: identityOf(current),
    isRunning: running.length > 0,
    isAbsent,
    command: commandOf(running, spec),
    env: await variablesShown(context, running, { spec, parts }),
    // Files of the host, which reach a container through a volume; this runtime looks, and writes none.
    ...(await observeFiles({ files: target.spec.config, folder: '.' })),
    image: await imageOf(context, running, spec),
    replicas: new Set(running.map(({ replica }) => replica)).size,
    ...resourcesOf(running, spec),
    ...labelsOf(parts, spec),
    health: healthOf(running.map(({ info }) => info)),
  };
}

function observeAdopted(info: ContainerInspectInfo | null): ObservedState {
  const isRunning = info?.State.Running === true;
  return {
    ...{ identity: adoptedIdentity(info), isRunning, isAbsent: false },
    // It is as somebody else made it: of that, nothing is for a manifest to say.
    ...{ command: null, env: null, config: [], image: null },
    replicas: isRunning ? 1 : 0,
    health: healthOf(info === null ? [] : [info]),
  };
}

/** Not looked at where the manifest leaves it to the image. */
function commandOf(running: readonly Container[], { command }: DockerSpec): string[] | null {
  if (command === null) return null;
  const wanted = JSON.stringify(command);
  const found = running.map(({ info }) => info.Config.Cmd);
  return found.find((words) => JSON.stringify(words) !== wanted) ?? found[0] ?? null;
}

async function variablesShown(
  { secrets }: DockerContext,
  running: readonly Container[],
  { spec: { env }, parts }: { spec: DockerSpec; parts: readonly OwnParts[] },
): Promise<Record<string, string | null> | null> {
  if (running.length === 0) return null;
  const extras = parts.flatMap(({ extraVariables }) => Object.entries(extraVariables));
  // What the manifest named once, and names no longer, is there, too; a reference stands for itself.
  const former = running.flatMap(({ spec }) => Object.entries(spec.env));
  const shown: Record<string, string | null> = Object.fromEntries(
    [...extras, ...former].filter(([name]) => !(name in env)),
  );
  for (const [name, wanted] of Object.entries(env)) {
    shown[name] = wanted;
    for (const { spec, info } of running) {
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
  running: readonly Container[],
): Promise<OwnParts[]> {
  const all = await Promise.all(running.map((one) => ownPartsOf(engine, one)));
  return all.filter((parts) => parts !== null);
}

/** Of the first that has other limits than the manifest says, else of any. */
function resourcesOf(
  running: readonly Container[],
  { resources: { cpus, memory } }: DockerSpec,
): Pick<ObservedState, 'resources'> {
  const found = running.map(amountsOf);
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

/** The image's name; with its id where the name means another image by now. Null: nothing runs. */
async function imageOf(
  { engine }: DockerContext,
  running: readonly Container[],
  { image: wanted }: DockerSpec,
): Promise<string | null> {
  const names: string[] = [];
  for (const { spec, info } of running) {
    const name = spec.image ?? '';
    const id = (await engine.image(name))?.id ?? null;
    names.push(id === null || id === info.Image ? name : `${name} (${info.Image.slice(0, 19)})`);
  }
  return names.find((name) => name !== wanted) ?? names[0] ?? null;
}

/** The worst of them; null where none is checked. */
function healthOf(
  infos: readonly ContainerInspectInfo[],
): 'healthy' | 'unhealthy' | 'starting' | null {
  const found = infos.map(({ State }) => State.Health?.Status);
  for (const status of ['unhealthy', 'starting', 'healthy'] as const) {
    if (found.includes(status)) return status;
  }
  return null;
}
