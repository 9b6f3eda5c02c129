import { z } from 'zod';
import type { DriftRules } from '../../../domain/drift/rules';
import { SEVERITIES } from '../../../domain/policy/policy';
import type { SyncSpec } from '../../../domain/resource';
import { suggest } from '../../problem';
import { compileApproval } from '../approval';
import { anything, check, durationField, given, isRecord, type Context } from '../shape';
import type { Path } from '../source';

const MAX_WAITS = 20;

const wait = durationField({ fallback: 0 });

const growing = z.strictObject({
  initial: durationField({ fallback: 2000, min: 1 }),
  factor: z.number().min(1, 'must be at least 1').default(2),
  max: durationField({ fallback: 300_000, min: 1 }),
});

export const syncSchema = z.strictObject({
  mode: z.enum(['detect', 'heal']).default('detect'),
  cooldown: durationField({ fallback: 30_000 }),
  approval: anything,
  backoff: z
    .union(
      [z.array(wait).min(1).max(MAX_WAITS), growing],
      `must be a list of 1 to ${MAX_WAITS} durations, or { initial, factor, max }`,
    )
    .optional(),
});

/** How drift is repaired; null after reporting what is wrong. */
export function compileSync(value: unknown, path: Path, context: Context): SyncSpec | null {
  const data = check(syncSchema, given(value), { path, context });
  const written = isRecord(value) ? value['approval'] : undefined;
  const approval = compileApproval(written, [...path, 'approval'], context);
  if (data === null) return null;
  const { mode, cooldown, backoff } = data;
  return {
    ...{ mode, cooldownMs: cooldown },
    ...(approval && { approval }),
    ...(backoff !== undefined && { backoffMs: waits(backoff) }),
  };
}

/** The first try again is at once, as with the usual table. */
function waits(backoff: number[] | z.output<typeof growing>): number[] {
  if (Array.isArray(backoff)) return backoff;
  const { initial, factor, max } = backoff;
  const all = [0];
  for (let ms = initial; all.length < MAX_WAITS; ms *= factor) {
    all.push(Math.min(Math.round(ms), max));
    if (ms >= max || factor === 1) break;
  }
  return all;
}

const pointer = z
  .string()
  .regex(/^\/[^\s]*$/, 'must be a JSON pointer such as /replicas or /env/*');

export const driftSchema = z.strictObject({
  ignore: z
    .array(z.strictObject({ path: pointer.optional(), owner: z.string().min(1).optional() }))
    .default([]),
  owners: z
    .array(
      z.strictObject({
        path: pointer,
        owner: z.string().min(1, 'must not be empty'),
        min: z.number().optional(),
        max: z.number().optional(),
      }),
    )
    .default([]),
  severity: z.array(z.strictObject({ path: pointer, severity: z.enum(SEVERITIES) })).default([]),
});

/** Facts whose pointer has a second segment, a name; and those that have none. */
const NAMED = [
  'env',
  'config',
  'config-mode',
  'config-owner',
  'resources',
  'labels',
  'healthCheck',
];
const PLAIN = ['running', 'command', 'image', 'replicas', 'version', 'ports', 'volumes', 'network'];
const FACTS = [...NAMED, ...PLAIN];
const NUMBERS = /^\/(replicas|resources\/(cpu|memory|\*)|\*|\*\*)$/;

/** Rules on a Service's own drift; null without any, and after reporting what is wrong. */
export function compileDrift(value: unknown, path: Path, context: Context): DriftRules | null {
  if (value === undefined) return null;
  const data = check(driftSchema, value, { path, context });
  if (data === null) return null;
  data.ignore.forEach((rule, i) => {
    const at = [...path, 'ignore', i];
    if (rule.path === undefined && rule.owner === undefined) {
      context.report(at, 'a rule to ignore needs "path", "owner" or both');
    }
    checkPath(rule.path, [...at, 'path'], context);
  });
  data.owners.forEach((rule, i) => {
    const at = [...path, 'owners', i];
    checkPath(rule.path, [...at, 'path'], context);
    checkRange(rule, at, context);
  });
  data.severity.forEach((rule, i) => {
    checkPath(rule.path, [...path, 'severity', i, 'path'], context);
  });
  return {
    ignore: data.ignore.map(withoutUndefined),
    owners: data.owners.map(withoutUndefined),
    severity: data.severity,
  };
}

function checkRange(
  { path: fact, min, max }: { path: string; min?: number | undefined; max?: number | undefined },
  at: Path,
  context: Context,
): void {
  if (min === undefined && max === undefined) return;
  if (!NUMBERS.test(fact)) {
    context.report([...at, 'path'], `${fact} is no number, so it can have no "min" and "max"`);
  }
  if (min !== undefined && max !== undefined && min > max) {
    context.report([...at, 'min'], `"min" must be at most "max" (${max})`);
  }
}

/** A path that names nothing is allowed, for what comes later, and most probably not meant. */
function checkPath(path: string | undefined, at: Path, context: Context): void {
  if (path === undefined) return;
  const [first = '', ...names] = path.slice(1).split('/');
  const why = first.includes('*') ? null : whyNoFact(first, names);
  if (why !== null) context.warn(at, `${path} matches no fact of a Service${why}`);
}

function whyNoFact(first: string, names: readonly string[]): string | null {
  if (!FACTS.includes(first)) return suggest(first, FACTS) || `; known: ${FACTS.join(', ')}`;
  const isNamed = NAMED.includes(first);
  const deepest = names.at(-1) === '**' ? names.length - 1 : names.length;
  if (isNamed && names.length === 0) return `; did you mean "/${first}/*"?`;
  if (deepest <= (isNamed ? 1 : 0)) return null;
  return isNamed
    ? '; within a name / is written ~1, as in /config/~1etc~1*.conf'
    : `; "/${first}" does`;
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(rule: T): Defined<T> {
  const entries = Object.entries(rule).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Defined<T>;
}
