import { readFileSync } from 'node:fs';
import { isMap, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import { z } from 'zod';

/** Top-level sections of the configuration file; a process reads its own and the shared ones. */
export const CONFIG_SECTIONS: readonly string[] = [
  'home',
  'publicUrl',
  'database',
  'redis',
  'temporal',
  'log',
  'api',
  'worker',
  'gitops',
  'agent',
];

/** The seed's names, kept working beside `VIGIL_<PATH>`. */
export const ALIASES: Readonly<Record<string, string>> = {
  'database.url': 'DATABASE_URL',
  'redis.url': 'REDIS_URL',
  'api.port': 'COLLECTOR_PORT',
  'agent.interval': 'AGENT_INTERVAL',
  'gitops.interval': 'GITOPSD_INTERVAL',
  'log.level': 'LOG_LEVEL',
};

const PORTS = /(^|\.)\w*[pP]ort$/;

/** Every problem of a configuration at once, each naming its file:line:col or its variable. */
export class ConfigError extends Error {
  readonly problems: string[];

  constructor(problems: string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

export interface ConfigSource {
  env: NodeJS.ProcessEnv;
  /** YAML file; default `CONFIG_PATH`. Without either, defaults and environment only. */
  path?: string;
}

interface ParsedFile {
  path: string;
  values: Record<string, unknown>;
  positionOf: (path: readonly PropertyKey[]) => string;
}

/** `api.tokenFile` → `VIGIL_API_TOKEN_FILE`. */
export function environmentName(path: string): string {
  const words = path.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replaceAll('.', '_');
  return `VIGIL_${words.toUpperCase()}`;
}

/**
 * Loads a process's configuration: schema defaults, then the YAML file, then the environment.
 * `VIGIL_PORT_OFFSET` is added to every port whose value is a default. Throws ConfigError.
 */
export function loadConfig<S extends z.ZodObject>(schema: S, source: ConfigSource): z.output<S> {
  const file = readFile(source);
  const merged = structuredClone(file?.values ?? {});
  const own = Object.fromEntries(Object.keys(schema.shape).map((key) => [key, merged[key] ?? {}]));
  if (typeof own['home'] === 'object') delete own['home'];
  if (typeof own['publicUrl'] === 'object') delete own['publicUrl'];
  for (const path of leafPaths(schema)) applyEnvironment(own, path, source.env);
  const result = schema.safeParse(own);
  const problems = [
    ...unknownSections(file),
    ...(result.success
      ? []
      : result.error.issues.flatMap(oneByOne).map((issue) => describe(issue, file, source.env))),
  ];
  if (!result.success || problems.length > 0) throw new ConfigError(problems);
  return result.data;
}

function readFile({ env, path = env['CONFIG_PATH'] }: ConfigSource): ParsedFile | null {
  if (path === undefined || path === '') return null;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError([`${path}: cannot be read (${reason}); set CONFIG_PATH to a YAML file`]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map(
        (e) => `${path}:${place(lines, e.pos[0])}: ${e.message.split('\n')[0] ?? ''}`,
      ),
    );
  }
  const values: unknown = document.toJS() ?? {};
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw new ConfigError([
      `${path}:1:1: must be a mapping of sections: ${CONFIG_SECTIONS.join(', ')}`,
    ]);
  }
  return {
    path,
    values: values as Record<string, unknown>,
    positionOf: (at) => place(lines, offsetOf(document, at)),
  };
}

function place(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${line}:${col}`;
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const pair = isMap(parent)
      ? parent.items.find((item) => String(item.key) === String(path[length - 1]))
      : undefined;
    const key = pair?.key as { range?: [number, number, number] } | undefined;
    if (key?.range) return key.range[0];
    const item = isSeq(parent) ? (parent.get(path[length - 1], true) as Node | undefined) : null;
    if (item?.range) return item.range[0];
  }
  return 0;
}

function unknownSections(file: ParsedFile | null): string[] {
  if (file === null) return [];
  return Object.keys(file.values)
    .filter((key) => !CONFIG_SECTIONS.includes(key))
    .map(
      (key) =>
        `${file.path}:${file.positionOf([key])}: unknown section "${key}"; known: ${CONFIG_SECTIONS.join(', ')}`,
    );
}

interface Leaf {
  path: string;
  hasDefaultNumber: number | null;
}

function leafPaths(schema: z.ZodObject, prefix = ''): Leaf[] {
  return Object.entries(schema.shape).flatMap(([key, field]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    const { inner, fallback } = unwrap(field as z.ZodType);
    if (inner instanceof z.ZodObject) return leafPaths(inner, path);
    return [{ path, hasDefaultNumber: typeof fallback === 'number' ? fallback : null }];
  });
}

function unwrap(field: z.ZodType): { inner: z.ZodType; fallback: unknown } {
  let inner = field;
  let fallback: unknown;
  for (;;) {
    if (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
      fallback ??= inner.def.defaultValue;
      inner = inner.unwrap() as z.ZodType;
    } else if (inner instanceof z.ZodOptional || inner instanceof z.ZodNullable) {
      inner = inner.unwrap() as z.ZodType;
    } else {
      return { inner, fallback };
    }
  }
}

function applyEnvironment(
  values: Record<string, unknown>,
  leaf: Leaf,
  env: NodeJS.ProcessEnv,
): void {
  const alias = ALIASES[leaf.path];
  const given = env[environmentName(leaf.path)] ?? (alias === undefined ? undefined : env[alias]);
  if (given !== undefined && given !== '') {
    setPath(values, leaf.path, given);
  } else if (PORTS.test(leaf.path) && leaf.hasDefaultNumber !== null) {
    const offset = Number(env['VIGIL_PORT_OFFSET'] ?? 0);
    if (getPath(values, leaf.path) === undefined)
      setPath(values, leaf.path, leaf.hasDefaultNumber + offset);
  }
}

function getPath(values: Record<string, unknown>, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], values);
}

function setPath(values: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let at = values;
  for (const key of keys) {
    const next = at[key];
    if (typeof next !== 'object' || next === null) at[key] = {};
    at = at[key] as Record<string, unknown>;
  }
  at[last] = value;
}

/** Several unknown fields of one section are one issue; each is told where it stands. */
function oneByOne(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'unrecognized_keys') return [issue];
  return issue.keys.map((key) => ({
    ...issue,
    keys: [key],
    message: `unknown field "${key}"`,
  }));
}

/** The variable that a value came from; of a value inside one that holds JSON, with the place in it. */
function variableOf(path: string, env: NodeJS.ProcessEnv): string | undefined {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(at.lastIndexOf('.'), 0))) {
    const name = [environmentName(at), ALIASES[at]].find((n) => n && env[n] !== undefined);
    if (name !== undefined) return at === path ? name : `${name}: ${path.slice(at.length + 1)}`;
  }
  return undefined;
}

function describe(
  issue: z.core.$ZodIssue,
  file: ParsedFile | null,
  env: NodeJS.ProcessEnv,
): string {
  const keys =
    issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
  const path = keys.map(String).join('.');
  const variable = variableOf(path, env);
  const where =
    variable !== undefined
      ? `environment variable ${variable}`
      : file === null
        ? `${path} (set ${environmentName(path)})`
        : `${file.path}:${file.positionOf(keys)}: ${path}`;
  return `${where}: ${issue.message}`;
}
