import { existsSync } from 'node:fs';
import type { ContainerInspectInfo } from 'dockerode';
import type { ObservedState, RuntimeTarget } from '../../../domain/action/runtime';
import { adoptedBy, adoptedIdentity } from './adopted';
import { observeFiles } from '../files/config-files';
import { identityOf, readSet } from './containers';
import { dockerOf, type DockerContext } from './context';
import { factsOf } from './facts';

/**
 * What stands, in the manifest's words.
 * @param marker a file that is there once Vigil has made the first container
 */
export async function observe(
  context: DockerContext,
  target: RuntimeTarget,
  marker: string,
): Promise<ObservedState> {
  const spec = dockerOf(target);
  if (spec.adopt !== null) return observeAdopted(await adoptedBy(context, target));
  const { current, extra, next, failed } = await readSet(context, target.resource);
  // A new container serves before its swap has ended.
  const running = [...current, ...next].filter(({ isRunning }) => isRunning);
  const isAbsent = current.length + next.length + failed.length === 0 && !existsSync(marker);
  return {
    identity: identityOf(current),
    isRunning: running.length > 0,
    isAbsent,
    ...(await factsOf(context, running, spec)),
    // Files of the host, which reach a container through a volume; this runtime looks, and writes none.
    ...(await observeFiles({ files: target.spec.config, folder: '.' })),
    replicas:
      new Set(running.map(({ replica }) => replica)).size +
      extra.filter(({ isRunning }) => isRunning).length,
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
