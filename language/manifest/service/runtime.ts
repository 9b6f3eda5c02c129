import { z } from 'zod';
import type { DesiredState, ResourceAmounts } from '../../../domain/resource';
import type { ProcessSpec, RuntimeSpec } from '../../../domain/runtime-spec';
import { suggest } from '../../problem';
import {
  anything,
  check,
  isRecord,
  nameField,
  printed,
  text,
  textMap,
  type Context,
} from '../shape';
import type { Path } from '../source';
import { compileProcessExtras } from './process-extras';
import {
  compileAmounts,
  impliedType,
  isReportedType,
  refuseTwice,
  withShortForms,
} from './short-forms';

export const processSchema = z.strictObject({
  type: z.literal('process'),
  command: anything,
  env: anything,
  cwd: z.string().min(1, 'must not be empty').default('.'),
  stopWithVigil: z.boolean().default(false),
  reload: anything,
  limits: anything,
});

const hostSchema = z.strictObject({ host: nameField });
const alsoKnown = Object.keys(hostSchema.shape);

/** What a Service runs on, and what outsiders should report where that cannot look. */
export interface CompiledRuntime {
  runtime: RuntimeSpec;
  host?: string;
  desired?: DesiredState;
}

interface Place {
  path: Path;
  context: Context;
}

/**
 * `spec.runtime`, with the fields of `spec` that stand for some of it; null after reporting what is wrong.
 * @param place of `spec`
 */
export function compileRuntime(
  spec: Readonly<Record<string, unknown>>,
  place: Place,
): CompiledRuntime | null {
  const { path, context } = place;
  const { host, own } = withoutHost(ownRuntime(spec));
  const type = isRecord(own) ? (own['type'] ?? 'process') : 'process';
  const merged = isRecord(own)
    ? withShortForms(spec, { ...own, type }, place)
    : { runtime: own, context };
  const at = { path: [...path, 'runtime'], context: merged.context };
  const runtime = compileOwn(merged.runtime, type, at);
  checkHost(host, spec, at);
  const amounts = compileAmounts(spec['resources'], { path: [...path, 'resources'], context });
  const desired = isReportedType(type) ? compileDesired(spec, amounts, place) : undefined;
  if (!isReportedType(type)) refuseVersion(spec, place);
  if (runtime === null) return null;
  return {
    runtime: amounts === null ? runtime : withAmounts(runtime, amounts, { own, place }),
    ...(typeof host === 'string' && { host }),
    ...(desired && { desired }),
  };
}

function ownRuntime(spec: Readonly<Record<string, unknown>>): unknown {
  if (spec['runtime'] !== undefined) return spec['runtime'];
  const type = impliedType(spec);
  return type === null ? undefined : { type };
}

/** Every runtime may have a `host`; the rest of it is the runtime's own. */
function withoutHost(runtime: unknown): { host: unknown; own: unknown } {
  if (!isRecord(runtime)) return { host: undefined, own: runtime };
  const { host, ...own } = runtime;
  return { host, own };
}

function checkHost(
  host: unknown,
  spec: Readonly<Record<string, unknown>>,
  { path, context }: Place,
): void {
  if (host === undefined) return;
  check(hostSchema, { host }, { path, context });
  if (spec['hosts'] === undefined) return;
  const message = 'write either "host", for one resource, or "hosts", for a member on each';
  context.report([...path, 'host'], message, { part: 'key' });
}

/** A runtime's own schema says what its manifest looks like; that of processes is the language's. */
function compileOwn(value: unknown, type: unknown, { path, context }: Place): RuntimeSpec | null {
  if (type === 'process') return compileProcess(value, path, context);
  const known = context.catalogue.filter((one) => one.schema !== undefined);
  const schema = known.find((one) => one.type === type)?.schema;
  if (schema !== undefined)
    return check(schema, value, { path, context, alsoKnown }) as RuntimeSpec | null;
  const names = ['process', ...known.map((one) => one.type)];
  context.report([...path, 'type'], refusedRuntime(type, names));
  return null;
}

/** Limits, in the words of the runtime that enforces them. */
function withAmounts(
  runtime: RuntimeSpec,
  { cpu, memory }: ResourceAmounts,
  { own, place }: { own: unknown; place: Place },
): RuntimeSpec {
  const at = { path: [...place.path, 'resources'], context: place.context };
  const section = (name: string): unknown => (isRecord(own) ? own[name] : undefined);
  if (runtime.type === 'docker') {
    refuseTwice(section('resources'), ['cpus', 'memory'], at);
    return { ...runtime, resources: { cpus: cpu, memory } };
  }
  if (runtime.type === 'process') {
    refuseTwice(section('limits'), ['cpu', 'memory'], at);
    const limits = {
      ...runtime.limits,
      ...(cpu !== null && { cpuPercent: Math.round(cpu * 100) }),
      ...(memory !== null && { memoryBytes: memory }),
    };
    return { ...runtime, limits };
  }
  if (!isReportedType(runtime.type)) {
    const message = `"resources" say nothing to runtime ${runtime.type}`;
    at.context.report(at.path, message, { part: 'key' });
  }
  return runtime;
}

const replicasField = z
  .int('must be a whole number from 0')
  .min(0, 'must be a whole number from 0');

const desiredSchema = z.object({
  image: z.string().min(1, 'must not be empty').optional(),
  command: z.array(z.string()).min(1, 'must name a program').optional(),
  replicas: replicasField.optional(),
  version: z.string().min(1, 'must not be empty').optional(),
});

function compileDesired(
  spec: Readonly<Record<string, unknown>>,
  amounts: ResourceAmounts | null,
  { path, context }: Place,
): DesiredState | undefined {
  const data = check(desiredSchema, spec, { path, context });
  const env = textMap(spec['env'], [...path, 'env'], context);
  if (data === null) return undefined;
  const { image, command, replicas, version } = data;
  const desired: DesiredState = {
    ...(image !== undefined && { image }),
    ...(command !== undefined && { command }),
    ...(replicas !== undefined && { replicas }),
    ...(version !== undefined && { version }),
    ...(spec['env'] !== undefined && { env }),
    ...(amounts !== null && { resources: amounts }),
  };
  return Object.keys(desired).length === 0 ? undefined : desired;
}

function refuseVersion(spec: Readonly<Record<string, unknown>>, { path, context }: Place): void {
  if (spec['version'] === undefined) return;
  const message = '"version" is for what outsiders report; here the image or the command says it';
  context.report([...path, 'version'], message, { part: 'key' });
}

function compileProcess(value: unknown, path: Path, context: Context): ProcessSpec | null {
  const data = check(processSchema, value, { path, context, alsoKnown });
  if (!isRecord(value)) return null;
  const extras = compileProcessExtras(value, path, context);
  const command = compileCommand(value['command'], [...path, 'command'], context);
  const env = compileEnvironment(value['env'], [...path, 'env'], context);
  return (
    data &&
    extras && {
      ...{ type: 'process', command, env, cwd: data.cwd, stopWithVigil: data.stopWithVigil },
      ...extras,
    }
  );
}

function refusedRuntime(type: unknown, supported: readonly string[]): string {
  const hint = typeof type === 'string' ? suggest(type, supported) : '';
  return `unknown runtime ${printed(type)}${hint || `; supported: ${supported.join(', ')}`}`;
}

function compileCommand(value: unknown, path: Path, context: Context): string[] {
  if (typeof value === 'string') {
    const words = value
      .trim()
      .split(/\s+/)
      .map((word) => JSON.stringify(word));
    context.report(
      path,
      `"command" must be a list, because no shell reads it; split it: [${words.join(', ')}]`,
    );
    return [];
  }
  if (value === undefined) {
    context.report(path, '"command" is missing', { part: 'key' });
    return [];
  }
  if (!Array.isArray(value) || value.length === 0 || value[0] === '') {
    context.report(path, '"command" must be a list: the program and its arguments');
    return [];
  }
  return value.map((word: unknown, i) => text(word, [...path, i], context));
}

function compileEnvironment(value: unknown, path: Path, context: Context): Record<string, string> {
  const env = textMap(value, path, context);
  for (const name of Object.keys(env)) {
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) continue;
    context.report([...path, name], `"${name}" is no name of an environment variable`, {
      part: 'key',
    });
  }
  return env;
}
