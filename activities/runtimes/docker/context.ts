import type { RuntimeTarget } from '../../../domain/action/runtime';
import type { ContainerSpec, DockerSpec } from '../../../domain/runtime-spec';
import type { Engine } from './engine';
import type { Secrets } from '../secrets';

/** What every part of the runtime works with; `home` is absolute. */
export interface DockerContext {
  engine: Engine;
  secrets: Secrets;
  home: string;
  /** Epoch ms. */
  now: () => number;
}

/** What the manifest says of the containers; a target of another runtime never comes here. */
export function dockerOf({ resource, spec }: RuntimeTarget): DockerSpec {
  if (spec.runtime.type === 'docker') return spec.runtime;
  throw new Error(`${resource} is of runtime ${spec.runtime.type}, not docker`);
}

/** The part of a manifest that makes one container, in a fixed order, so that equal specs have equal text. */
export function containerSpecOf(spec: ContainerSpec): ContainerSpec {
  return {
    image: spec.image,
    command: spec.command,
    env: sorted(spec.env),
    resources: { cpus: spec.resources.cpus, memory: spec.resources.memory },
    network: spec.network,
    ports: spec.ports,
    volumes: spec.volumes,
    labels: sorted(spec.labels),
    stopTimeout: spec.stopTimeout,
    health: spec.health,
  };
}

function sorted(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
