import { z } from 'zod';
import type { Policy } from '../../domain/policy/policy';
import {
  resourceKey,
  type ConfigFile,
  type HealthCheck,
  type ResourceName,
  type ServiceSpec,
} from '../../domain/resource';
import type { ProcessSpec, RuntimeSpec } from '../../domain/runtime-spec';
import { parseCondition } from '../expression/parser';
import { suggest } from '../problem';
import { noneTwice } from './approval';
import type { SpecPlace } from './kinds';
import { count } from './numbers';
import { keyOf, resourceReference } from './reference';
import {
  given,
  anything,
  check,
  durationField,
  isRecord,
  label,
  nameField,
  printed,
  text,
  textMap,
  type Context,
} from './shape';
import type { Path } from './source';

const specSchema = z.strictObject({
  runtime: anything,
  hosts: z.array(nameField).default([]),
  healthCheck: anything,
  config: anything,
  sync: anything,
  dependsOn: z.array(resourceReference).optional(),
  scaling: anything,
});

const processSchema = z.strictObject({
  type: z.literal('process'),
  command: anything,
  env: anything,
  cwd: z.string().min(1, 'must not be empty').default('.'),
  stopWithVigil: z.boolean().default(false),
});

const healthCheckSchema = z.strictObject({
  endpoint: z.string().refine(isHttpUrl, 'must be an http:// or https:// URL'),
  interval: durationField({ fallback: 10_000, min: 250 }),
  timeout: durationField({ fallback: 2000, min: 1 }),
});

const configFileSchema = z.strictObject({
  path: z.string().min(1, 'must not be empty'),
  content: z.string().optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits')
    .optional(),
});

const syncSchema = z.strictObject({
  mode: z.enum(['detect', 'heal']).default('detect'),
  cooldown: durationField({ fallback: 30_000 }),
});

const scalingSchema = z.strictObject({
  min: z.int().min(0, 'must be at least 0').default(1),
  max: count,
});

/** Compiles a Service's `spec`; null after reporting what is wrong. */
export function compileService(
  { namespace, labels }: { namespace: string; labels: Record<string, string> },
  { spec, path, context }: SpecPlace,
): ServiceSpec | null {
  const data = check(specSchema, spec, { path, context });
  const raw = isRecord(spec) ? spec : null;
  if (raw === null) return null;
  const { host, own } = withoutHost(raw['runtime']);
  const runtime = compileRuntime(own, [...path, 'runtime'], context);
  checkHost(host, raw, { path, context });
  const healthCheck = compileHealthCheck(raw['healthCheck'], [...path, 'healthCheck'], context);
  const config = compileConfig(raw['config'], [...path, 'config'], context);
  const sync = check(syncSchema, given(raw['sync']), { path: [...path, 'sync'], context });
  const scaling = compileScaling(raw['scaling'], [...path, 'scaling'], context);
  if (data && new Set(data.hosts).size < data.hosts.length) {
    context.report([...path, 'hosts'], '"hosts" names a host twice');
  }
  noneTwice(data?.dependsOn, [...path, 'dependsOn'], context);
  if (!data || !runtime || !sync) return null;
  return {
    runtime,
    hosts: data.hosts,
    ...(typeof host === 'string' && { host }),
    labels,
    healthCheck,
    config,
    sync: { mode: sync.mode, cooldownMs: sync.cooldown },
    ...(data.dependsOn && { dependsOn: data.dependsOn.map((one) => keyOf(one, namespace)) }),
    ...(scaling && { scaling }),
  };
}

function compileScaling(
  value: unknown,
  path: Path,
  context: Context,
): ServiceSpec['scaling'] | null {
  if (value === undefined) return null;
  const data = check(scalingSchema, value, { path, context });
  if (data === null || data.min <= data.max) return data;
  context.report([...path, 'min'], `"min" must be at most "max" (${data.max})`);
  return null;
}

/** Every runtime may have a `host`; the rest of it is the runtime's own. */
function withoutHost(runtime: unknown): { host: unknown; own: unknown } {
  if (!isRecord(runtime)) return { host: undefined, own: runtime };
  const { host, ...own } = runtime;
  return { host, own };
}

const hostSchema = z.strictObject({ host: nameField });

function checkHost(
  host: unknown,
  spec: Readonly<Record<string, unknown>>,
  { path, context }: { path: Path; context: Context },
): void {
  if (host === undefined) return;
  check(hostSchema, { host }, { path: [...path, 'runtime'], context });
  if (spec['hosts'] === undefined) return;
  const message = 'write either "host", for one resource, or "hosts", for a member on each';
  context.report([...path, 'runtime', 'host'], message, { part: 'key' });
}

/** A runtime's own schema says what its manifest looks like; that of processes is the language's. */
function compileRuntime(value: unknown, path: Path, context: Context): RuntimeSpec | null {
  const type = isRecord(value) ? (value['type'] ?? 'process') : 'process';
  if (type === 'process') return compileProcess(value, path, context);
  const known = context.catalogue.filter((one) => one.schema !== undefined);
  const schema = known.find((one) => one.type === type)?.schema;
  if (schema !== undefined) return check(schema, value, { path, context }) as RuntimeSpec | null;
  const names = ['process', ...known.map((one) => one.type)];
  context.report([...path, 'type'], refusedRuntime(type, names));
  return null;
}

function compileProcess(value: unknown, path: Path, context: Context): ProcessSpec | null {
  const data = check(processSchema, value, { path, context });
  if (!isRecord(value)) return null;
  const command = compileCommand(value['command'], [...path, 'command'], context);
  const env = compileEnvironment(value['env'], [...path, 'env'], context);
  return (
    data && { type: 'process', command, env, cwd: data.cwd, stopWithVigil: data.stopWithVigil }
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

function compileHealthCheck(value: unknown, path: Path, context: Context): HealthCheck | null {
  if (value === undefined) return null;
  const data = check(healthCheckSchema, value, { path, context });
  return data && { endpoint: data.endpoint, intervalMs: data.interval, timeoutMs: data.timeout };
}

function isHttpUrl(given: string): boolean {
  const url = URL.canParse(given) ? new URL(given) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.hostname !== '';
}

function compileConfig(value: unknown, path: Path, context: Context): ConfigFile[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    context.report(path, '"config" must be a list of { path, content } or { path, sha256 }');
    return [];
  }
  const files = value.flatMap((file: unknown, i) => compileConfigFile(file, [...path, i], context));
  files.forEach((file, i) => {
    if (files.findIndex((other) => other.path === file.path) === i) return;
    context.report([...path, i, 'path'], `${label(['path'])} names ${file.path} a second time`);
  });
  return files;
}

function compileConfigFile(value: unknown, path: Path, context: Context): ConfigFile[] {
  const data = check(configFileSchema, value, { path, context });
  if (data === null) return [];
  if (data.content !== undefined && data.sha256 === undefined) {
    return [{ kind: 'content', path: data.path, content: data.content }];
  }
  if (data.sha256 !== undefined && data.content === undefined) {
    return [{ kind: 'checksum', path: data.path, sha256: data.sha256.toLowerCase() }];
  }
  context.report(path, 'a config file needs either "content" or "sha256"');
  return [];
}

const DRIFT = parseCondition('resource_drift > 0 for 5s');

/** The policy that `sync: heal` stands for: drift is a verdict like any other. */
export function impliedPolicies({ namespace, name }: ResourceName, spec: ServiceSpec): Policy[] {
  if (spec.sync.mode !== 'heal' || !DRIFT.ok) return [];
  const policyName = `${name}:sync`;
  return [
    {
      key: resourceKey(namespace, policyName),
      namespace,
      name: policyName,
      target: { name, labels: {} },
      condition: DRIFT.condition,
      severity: 'warning',
      steps: [{ action: 'sync', params: {} }],
      cooldownMs: spec.sync.cooldownMs,
      limits: { attempts: 3, maxConcurrent: 1 },
      approval: null,
      verify: { settleMs: 1000, stableMs: 3000, withinMs: 30_000 },
      mode: 'enforce',
      impliedBy: resourceKey(namespace, name),
    },
  ];
}
