import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { z } from 'zod';
import { CliFailure } from './failure';

const DEFAULT_PORT = 8000;
const TIMEOUT_MS = 30_000;

type Query = Readonly<Record<string, string | number | undefined>>;
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

interface Body {
  type: 'application/json' | 'application/yaml';
  text: string;
}

/** The API as the commands see it. Every call throws CliFailure with one line for people. */
export interface ApiClient {
  readonly baseUrl: string;
  get: <S extends z.ZodType>(path: string, schema: S, query?: Query) => Promise<z.output<S>>;
  send: <S extends z.ZodType>(call: Call, schema: S) => Promise<z.output<S>>;
  /** Hands an answer of any length over as it comes. */
  stream: (path: string, query: Query, take: (chunk: Uint8Array) => unknown) => Promise<void>;
}

interface Call {
  method: Exclude<Method, 'GET'>;
  path: string;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as YAML. */
  yaml?: string;
}

const Problem = z.looseObject({
  title: z.string().optional(),
  detail: z.string().optional(),
  gate: z.string().optional(),
  requestId: z.string().optional(),
  problems: z
    .array(
      z.looseObject({
        index: z.number().optional(),
        field: z.string().optional(),
        message: z.string(),
      }),
    )
    .optional(),
});

/** An answer that is no success. `status` is the HTTP status, `body` the text that came with it. */
export class ApiFailure extends CliFailure {
  readonly status: number;
  readonly body: string;

  constructor(status: number, body: string) {
    super(failureLine(status, body));
    this.name = 'ApiFailure';
    this.status = status;
    this.body = body;
  }
}

/** Pages that every process serves in the same place, without a version. */
const UNVERSIONED: readonly string[] = ['/health'];

/** `--api`, else VIGIL_API_URL, else this machine's api (moved by VIGIL_PORT_OFFSET). */
export function apiUrl(given: string | undefined, env: NodeJS.ProcessEnv): string {
  const offset = Number(env['VIGIL_PORT_OFFSET'] ?? 0);
  const port = Number(env['VIGIL_API_PORT'] ?? env['COLLECTOR_PORT'] ?? DEFAULT_PORT + offset);
  const url = given ?? env['VIGIL_API_URL'] ?? `http://127.0.0.1:${String(port)}`;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new CliFailure(`"${url}" is no URL of an API; write http://host:port`, 2);
  }
  return url.replace(/\/+$/, '');
}

/** The token in the file that VIGIL_API_TOKEN_FILE names, or null. */
function readToken(env: NodeJS.ProcessEnv): string | null {
  const file = env['VIGIL_API_TOKEN_FILE'];
  if (file === undefined || file === '') return null;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new CliFailure(`VIGIL_API_TOKEN_FILE: ${file} cannot be read`, 1, { cause });
  }
}

/** A client for the API at `baseUrl`; people are named by VIGIL_ACTOR, else by their login. */
export function createClient(baseUrl: string, env: NodeJS.ProcessEnv): ApiClient {
  const token = readToken(env);
  const headers = {
    accept: 'application/json',
    'user-agent': 'vigil-cli',
    'x-vigil-actor': actorName(env),
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  };

  async function open(method: Method, url: URL, body: Body | null): Promise<Response> {
    const response = await fetch(url, {
      method,
      headers: body === null ? headers : { ...headers, 'content-type': body.type },
      body: body?.text ?? null,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((cause: unknown) => {
      throw unreachable(baseUrl, cause);
    });
    if (!response.ok) throw new ApiFailure(response.status, await response.text());
    return response;
  }

  async function call(method: Method, url: URL, body: Body | null): Promise<unknown> {
    const text = await (await open(method, url, body)).text();
    return text === '' ? null : parseJson(text, baseUrl);
  }

  function urlOf(path: string, query: Query = {}): URL {
    const url = new URL(`${baseUrl}${UNVERSIONED.includes(path) ? '' : '/api/v1'}${path}`);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return url;
  }

  return {
    baseUrl,
    async get(path, schema, query = {}) {
      return understand(await call('GET', urlOf(path, query), null), schema, path);
    },
    async stream(path, query, take) {
      const { body } = await open('GET', urlOf(path, query), null);
      for await (const chunk of body ?? []) take(chunk as Uint8Array);
    },
    async send({ method, path, json, yaml }, schema) {
      const answer = await call(method, urlOf(path), bodyOf(json, yaml));
      return understand(answer, schema, path);
    },
  };
}

function bodyOf(json: unknown, yaml: string | undefined): Body | null {
  if (yaml !== undefined) return { type: 'application/yaml', text: yaml };
  return json === undefined ? null : { type: 'application/json', text: JSON.stringify(json) };
}

/** How the API and the audit know who types: VIGIL_ACTOR, else the login. */
export function actorName(env: NodeJS.ProcessEnv): string {
  return env['VIGIL_ACTOR'] ?? loginName();
}

function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a uid that has no name.
    return `uid-${String(process.getuid?.() ?? 'unknown')}`;
  }
}

function unreachable(baseUrl: string, cause: unknown): CliFailure {
  if (cause instanceof Error && cause.name === 'TimeoutError') {
    const seconds = TIMEOUT_MS / 1000;
    return new CliFailure(`the API at ${baseUrl} did not answer within ${seconds} s`, 1, { cause });
  }
  const message = `the API at ${baseUrl} does not answer: start it with npm start`;
  return new CliFailure(message, 1, { cause });
}

function parseJson(text: string, baseUrl: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CliFailure(`what answers at ${baseUrl} is not Vigil's API (no JSON)`, 1, { cause });
  }
}

function understand<S extends z.ZodType>(answer: unknown, schema: S, path: string): z.output<S> {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue?.path.map(String).join('.') ?? '';
  throw new CliFailure(
    `the answer to ${path} is not understood (${where}: ${issue?.message ?? ''}); are vigil and the API of one version?`,
  );
}

/** problem+json as one line; further lines only for the single problems that it lists. */
function failureLine(status: number, text: string): string {
  const problem = readProblem(text);
  if (problem === null) return `the API answered ${status}: ${text.slice(0, 200).trim()}`;
  const { title, detail, gate, requestId, problems = [] } = problem;
  const said = detail ?? title ?? `the API answered ${status}`;
  const held = gate === undefined || said.includes(gate) ? '' : ` (gate ${gate})`;
  const traced = status >= 500 && requestId !== undefined ? ` [request ${requestId}]` : '';
  const hint = status === 401 ? '; set VIGIL_API_TOKEN_FILE to the file that holds the token' : '';
  const lines = problems.map(({ index, field, message }) => {
    const place = [index === undefined ? '' : `[${index}]`, field ?? ''].filter((p) => p !== '');
    return place.length === 0 ? `  ${message}` : `  ${place.join(' ')}: ${message}`;
  });
  return [`${said}${held}${hint}${traced}`, ...lines].join('\n');
}

function readProblem(text: string): z.output<typeof Problem> | null {
  try {
    return Problem.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
