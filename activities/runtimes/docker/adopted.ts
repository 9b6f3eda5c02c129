import type { ContainerInspectInfo } from 'dockerode';
import type { ExecuteRequest, RuntimeTarget, StepResult } from '../../../domain/action/runtime';
import { incarnationOf, targetChanged } from './containers';
import { dockerOf, type DockerContext } from './context';
import type { Act } from './reshape';

/**
 * A container that is not Vigil's and that a manifest names: it is restarted and paused as it is,
 * and never made, removed or changed. It can carry no label, so its StartedAt has to tell.
 */
export async function adoptedBy(
  { engine }: DockerContext,
  target: RuntimeTarget,
): Promise<ContainerInspectInfo | null> {
  return engine.inspect(nameOfAdopted(target));
}

export function adoptedIdentity(info: ContainerInspectInfo | null): string | null {
  return info?.State.Running === true ? incarnationOf(info) : null;
}

const VERBS: Readonly<
  Record<string, (act: Act, info: ContainerInspectInfo) => Promise<StepResult>>
> = {
  restart: restartAdopted,
  async pause({ context, request }, info) {
    if (!info.State.Paused) await context.engine.pause(info.Id);
    return result(request, info, 'paused');
  },
  async unpause({ context, request }, info) {
    if (info.State.Paused) await context.engine.unpause(info.Id);
    return result(request, info, 'let go on');
  },
};

export async function actOnAdopted(act: Act): Promise<StepResult> {
  const { context, request } = act;
  const { target, step, snapshot } = request;
  const verb = VERBS[step.action];
  if (verb === undefined) {
    throw new Error(
      `${target.resource} adopts container ${nameOfAdopted(target)}, which is not Vigil's: it can ${Object.keys(VERBS).join(', ')}, and not ${step.action}`,
    );
  }
  const info = await adoptedBy(context, target);
  if (info === null) {
    throw new Error(`there is no container ${nameOfAdopted(target)} on this Docker engine`);
  }
  const present = adoptedIdentity(info);
  if (present !== null && present !== snapshot.identity) {
    throw targetChanged(target.resource, { from: snapshot.identity, to: present });
  }
  return verb(act, info);
}

async function restartAdopted(
  { context, request }: Act,
  info: ContainerInspectInfo,
): Promise<StepResult> {
  const { engine } = context;
  const before = info.State.StartedAt;
  try {
    await engine.restart(info.Id, dockerOf(request.target).stopTimeout);
  } catch (error) {
    // The answer may be lost where the effect was not.
    const now = await engine.inspect(info.Id);
    if (now === null || now.State.StartedAt === before) throw error;
    return result(request, now, 'restarted');
  }
  return result(request, await engine.inspect(info.Id), 'restarted');
}

/** Only asked for a step that was begun: whoever started the container since, it need not be done again. */
export async function findDoneAdopted(
  context: DockerContext,
  request: ExecuteRequest,
): Promise<StepResult | null> {
  const info = await adoptedBy(context, request.target);
  const present = adoptedIdentity(info);
  if (info === null || present === null) return null;
  switch (request.step.action) {
    case 'pause':
      return info.State.Paused ? result(request, info, 'is paused') : null;
    case 'unpause':
      return info.State.Paused ? null : result(request, info, 'goes on');
    default:
      return present === request.snapshot.identity ? null : result(request, info, 'was restarted');
  }
}

function result(
  { target }: ExecuteRequest,
  info: ContainerInspectInfo | null,
  what: string,
): StepResult {
  return { identity: adoptedIdentity(info), summary: `${nameOfAdopted(target)}: ${what}` };
}

function nameOfAdopted(target: RuntimeTarget): string {
  return dockerOf(target).adopt ?? '';
}
