import type { ResourceAmounts } from '../../../domain/resource';
import { LABELS, variablesOf, type Container } from './containers';
import type { Engine, Image } from './engine';

/** What a container has, beyond what its image gave it. Null: its image is gone, so nobody can tell. */
export interface OwnParts {
  /** Variables that its spec does not name. */
  extraVariables: Record<string, string>;
  /** Without Vigil's own. */
  labels: Record<string, string>;
}

/** What engines (Docker, Podman) set by themselves where neither the image nor the spec does: nobody's change. */
const ENGINES: ReadonlySet<string> = new Set(['PATH', 'HOME', 'HOSTNAME', 'TERM', 'container']);
const ENGINE_LABELS = ['desktop.docker.io/', 'io.podman.'];
const VIGILS: ReadonlySet<string> = new Set(Object.values(LABELS));

/** Tells what somebody gave a container that its spec does not have. */
export async function ownPartsOf(engine: Engine, container: Container): Promise<OwnParts | null> {
  const image = await engine.image(container.info.Image);
  return image === null ? null : partsOf(container, image);
}

function partsOf({ spec, info }: Container, image: Image): OwnParts {
  const given = new Set(image.env);
  const named = new Set(image.env.map((pair) => pair.slice(0, pair.indexOf('='))));
  const variables = [...variablesOf(info)].filter(
    ([name, value]) =>
      !(name in spec.env) &&
      !given.has(`${name}=${value}`) &&
      (named.has(name) || !ENGINES.has(name)),
  );
  const labels = Object.entries(info.Config.Labels).filter(
    ([name, value]) => name in spec.labels || (isForeign(name) && image.labels[name] !== value),
  );
  return {
    extraVariables: Object.fromEntries(variables),
    labels: Object.fromEntries(labels),
  };
}

function isForeign(label: string): boolean {
  return !VIGILS.has(label) && !ENGINE_LABELS.some((prefix) => label.startsWith(prefix));
}

const DEFAULT_CPU_PERIOD = 100_000;

/** The limits that a container has now; `docker update` changes them while it runs. */
export function amountsOf({ info }: Container): ResourceAmounts {
  const { NanoCpus = 0, CpuQuota = 0, CpuPeriod = 0, Memory = 0 } = info.HostConfig;
  const quota = CpuQuota > 0 ? CpuQuota / (CpuPeriod > 0 ? CpuPeriod : DEFAULT_CPU_PERIOD) : 0;
  const cpu = NanoCpus > 0 ? NanoCpus / 1e9 : quota;
  return { cpu: cpu > 0 ? cpu : null, memory: Memory > 0 ? Memory : null };
}

/** Engines count billionths of a core. */
export function isSameCpu(a: number | null, b: number | null): boolean {
  return Math.round((a ?? 0) * 1e9) === Math.round((b ?? 0) * 1e9);
}
