import { z } from 'zod';
import { parseCpu, parseMemory } from '../../../domain/quantity';
import type { ResourceAmounts } from '../../../domain/resource';
import { check, isRecord, printed, type Context } from '../shape';
import type { Path } from '../source';

/** Fields of `spec` that stand for fields of `spec.runtime`, as most people write them. */
export const SHORT_FORMS = ['image', 'command', 'env', 'replicas'] as const;
export type ShortForm = (typeof SHORT_FORMS)[number];

/** Which of them each runtime has itself. */
const OF_RUNTIME: Readonly<Record<string, readonly ShortForm[]>> = {
  docker: SHORT_FORMS,
  process: ['command', 'env'],
};

/** Runtimes that cannot look: for them the fields say what outsiders should report. */
const REPORTED = ['script', 'webhook', 'external'];

export function isReportedType(type: unknown): boolean {
  return REPORTED.includes(String(type));
}

interface Place {
  path: Path;
  context: Context;
}

/** What a Service without `runtime` runs on; null: nothing says it. */
export function impliedType(spec: Readonly<Record<string, unknown>>): string | null {
  if (spec['image'] !== undefined) return 'docker';
  if (spec['command'] !== undefined) return 'process';
  const isDescribed = ['replicas', 'resources', 'healthCheck', 'env', 'version', 'config'].some(
    (field) => spec[field] !== undefined,
  );
  return isDescribed ? 'external' : null;
}

/**
 * The runtime with what stands beside it in `spec`, and a context that reports where it was written.
 * @param path of `spec`
 */
export function withShortForms(
  spec: Readonly<Record<string, unknown>>,
  own: Readonly<Record<string, unknown>>,
  { path, context }: Place,
): { runtime: Record<string, unknown>; context: Context } {
  const type = String(own['type']);
  const runtime: Record<string, unknown> = { ...own };
  const moved = new Set<string>();
  for (const field of SHORT_FORMS) {
    if (spec[field] === undefined || isReportedType(type)) continue;
    if (!(OF_RUNTIME[type] ?? []).includes(field)) {
      context.report([...path, field], `"${field}" says nothing to runtime ${type}`, {
        part: 'key',
      });
    } else if (own[field] !== undefined) {
      context.report([...path, field], `"${field}" stands in "runtime", too; keep one of them`, {
        part: 'key',
      });
    } else {
      runtime[field] = spec[field];
      moved.add(field);
    }
  }
  return { runtime, context: translated(context, { path, moved }) };
}

/** `spec.runtime.image` was written as `spec.image`. */
function translated(
  context: Context,
  { path, moved }: { path: Path; moved: ReadonlySet<string> },
): Context {
  const at = (place: Path): Path => {
    const field = place[path.length + 1];
    const isMoved = place[path.length] === 'runtime' && moved.has(String(field));
    return isMoved ? [...path, ...place.slice(path.length + 1)] : place;
  };
  return {
    ...context,
    report: (place, ...rest) => {
      context.report(at(place), ...rest);
    },
    warn: (place, ...rest) => {
      context.warn(at(place), ...rest);
    },
    writtenAs: (place) => context.writtenAs(at(place)),
  };
}

const cpuField = z.union([z.string(), z.number()]).transform((given, context) => {
  const cores = parseCpu(String(given));
  if (cores !== null && cores > 0) return cores;
  const message = `must be an amount of cores such as 500m or 1.5, not ${printed(given)}`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const memoryField = z.union([z.string(), z.number()]).transform((given, context) => {
  const bytes = parseMemory(String(given));
  if (bytes !== null && bytes > 0) return bytes;
  const message = `must be an amount of memory such as 512Mi or 1Gi, not ${printed(given)}`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

export const amountsSchema = z.strictObject({
  cpu: cpuField.optional(),
  memory: memoryField.optional(),
});

/** `resources: { cpu: 500m, memory: 1Gi }`; null without it, and after reporting what is wrong. */
export function compileAmounts(value: unknown, { path, context }: Place): ResourceAmounts | null {
  if (value === undefined) return null;
  const data = check(amountsSchema, value, { path, context });
  return data && { cpu: data.cpu ?? null, memory: data.memory ?? null };
}

/** Reports what the runtime already says of its own. */
export function refuseTwice(
  own: unknown,
  fields: readonly string[],
  { path, context }: Place,
): boolean {
  const twice = isRecord(own) && fields.some((field) => own[field] !== undefined);
  if (twice) {
    context.report(path, '"resources" stand in "runtime", too; keep one of them', { part: 'key' });
  }
  return twice;
}
