import { z } from 'zod';
import type { ServiceSpec } from '../../../domain/resource';
import { noneTwice } from '../approval';
import type { SpecPlace } from '../kinds';
import { count } from '../numbers';
import { keyOf, resourceReference } from '../reference';
import { anything, check, durationOrNull, isRecord, nameField, type Context } from '../shape';
import type { Path } from '../source';
import { compileConfig } from './config';
import { compileHealthCheck, compileRemediation } from './health';
import { compileRuntime } from './runtime';
import { compileDrift, compileSync } from './sync';

export const serviceSchema = z.strictObject({
  runtime: anything,
  image: anything,
  command: anything,
  env: anything,
  replicas: anything,
  resources: anything,
  version: anything,
  hosts: z.array(nameField).default([]),
  healthCheck: anything,
  remediation: anything,
  config: anything,
  sync: anything,
  drift: anything,
  dependsOn: z.array(resourceReference).optional(),
  scaling: anything,
});

export const scalingSchema = z.strictObject({
  min: z.int().min(0, 'must be at least 0').default(1),
  max: count,
  overrideFor: durationOrNull({ min: 1000 }),
});

/** Compiles a Service's `spec`; null after reporting what is wrong. */
export function compileService(
  { namespace, labels }: { namespace: string; labels: Record<string, string> },
  { spec, path, context }: SpecPlace,
): ServiceSpec | null {
  const data = check(serviceSchema, spec, { path, context });
  const raw = isRecord(spec) ? spec : null;
  if (raw === null) return null;
  const at = (field: string): Path => [...path, field];
  const runtime = compileRuntime(raw, { path, context });
  const healthCheck = compileHealthCheck(raw['healthCheck'], at('healthCheck'), context);
  const remediation = compileRemediation(raw['remediation'], healthCheck, {
    path: at('remediation'),
    context,
  });
  const config = compileConfig(raw['config'], at('config'), context);
  const sync = compileSync(raw['sync'], at('sync'), context);
  const drift = compileDrift(raw['drift'], at('drift'), context);
  const scaling = compileScaling(raw['scaling'], at('scaling'), context);
  if (data && new Set(data.hosts).size < data.hosts.length) {
    context.report(at('hosts'), '"hosts" names a host twice');
  }
  noneTwice(data?.dependsOn, at('dependsOn'), context);
  if (!data || !runtime || !sync) return null;
  // Not a spread first: see `describe` of ../compile.
  return {
    hosts: data.hosts,
    ...runtime,
    labels,
    healthCheck,
    config,
    sync,
    ...withoutNull({ remediation, drift, scaling }),
    ...(data.dependsOn && { dependsOn: data.dependsOn.map((one) => keyOf(one, namespace)) }),
  };
}

type Given<T> = { [K in keyof T]?: NonNullable<T[K]> };

/** What a manifest leaves out is left out of the spec, too. */
function withoutNull<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null),
  ) as Given<T>;
}

function compileScaling(
  value: unknown,
  path: Path,
  context: Context,
): ServiceSpec['scaling'] | null {
  if (value === undefined) return null;
  const data = check(scalingSchema, value, { path, context });
  if (data === null) return null;
  const { min, max, overrideFor } = data;
  if (min <= max) return { min, max, ...(overrideFor !== null && { overrideForMs: overrideFor }) };
  context.report([...path, 'min'], `"min" must be at most "max" (${max})`);
  return null;
}
