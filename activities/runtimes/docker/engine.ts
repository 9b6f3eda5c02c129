import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import { TransientError } from '../../../domain/action/runtime';

/** The calls of the Engine API that this runtime makes; every error says what it was about. */
export interface Engine {
  /** Of containers that carry all these labels, in whatever state. */
  list: (labels: readonly string[]) => Promise<string[]>;
  /** By id or name; null: there is none. */
  inspect: (container: string) => Promise<Docker.ContainerInspectInfo | null>;
  /** Null: the name is taken. */
  create: (options: Docker.ContainerCreateOptions) => Promise<string | null>;
  start: (id: string) => Promise<void>;
  stop: (id: string, timeoutMs: number) => Promise<void>;
  restart: (id: string, timeoutMs: number) => Promise<void>;
  remove: (id: string, options: { volumes: boolean }) => Promise<void>;
  rename: (id: string, name: string) => Promise<void>;
  pause: (id: string) => Promise<void>;
  unpause: (id: string) => Promise<void>;
  /** The last lines of both streams, as the engine frames them. */
  logs: (id: string, lines: number) => Promise<Buffer>;
  /** By name or id; null: the engine does not have it. */
  image: (name: string) => Promise<Image | null>;
  pull: (name: string) => Promise<void>;
  /** Events of containers as the engine tells them: a JSON text a line, until the stream ends. */
  events: (options: EventOptions) => Promise<Readable>;
}

export interface Image {
  id: string;
  /** `NAME=value`. */
  env: string[];
  labels: Record<string, string>;
}

export interface EventOptions {
  actions: readonly string[];
  /** Also those since then (epoch ms); null: from now on. */
  sinceMs: number | null;
  signal: AbortSignal;
}

/** No answer for so long is no answer. Above the longest stop timeout that makes sense. */
const ANSWER_TIMEOUT_MS = 150_000;
const AWAY = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND']);

type EngineError = Error & { code?: string; statusCode?: number; json?: unknown };

/** @param host a socket's path, or a URL as in DOCKER_HOST; undefined: DOCKER_HOST, else Docker's own default */
export function createEngine(host: string | undefined): Engine {
  const docker = connect(host, ANSWER_TIMEOUT_MS);
  // Of events, silence is no reason to hang up.
  const listening = connect(host, undefined);
  const place = host ?? process.env['DOCKER_HOST'] ?? '/var/run/docker.sock';
  const ask = <T>(what: string, call: Promise<T>): Promise<T> =>
    call.catch((error: unknown) => {
      throw asError(error as EngineError, { what, place });
    });
  /** Calls on one container; `fine` are the statuses that mean it is so already. */
  const change = async (what: string, call: Promise<unknown>, fine: number[]): Promise<void> => {
    await ask(
      what,
      call.catch((error: unknown) => {
        if (!fine.includes((error as EngineError).statusCode ?? 0)) throw error;
      }),
    );
  };
  return {
    async list(labels) {
      const options = { all: true, filters: { label: [...labels] } };
      const found = await ask('list containers', docker.listContainers(options));
      return found.map(({ Id }) => Id);
    },
    inspect: (id) => ask(`inspect container ${id}`, orNull(docker.getContainer(id).inspect(), 404)),
    async create(options) {
      const what = `create container ${options.name ?? ''}`;
      const made = await ask(what, orNull(docker.createContainer(options), 409));
      return made?.id ?? null;
    },
    start: (id) => change(`start container ${id}`, docker.getContainer(id).start(), [304]),
    // Gone is stopped, too.
    stop: (id, ms) =>
      change(`stop container ${id}`, docker.getContainer(id).stop({ t: seconds(ms) }), [304, 404]),
    restart: (id, ms) =>
      change(`restart container ${id}`, docker.getContainer(id).restart({ t: seconds(ms) }), []),
    remove: (id, { volumes }) =>
      // 409: its removal is under way already.
      change(
        `remove container ${id}`,
        docker.getContainer(id).remove({ force: true, v: volumes }),
        [404, 409],
      ),
    rename: (id, name) =>
      change(`rename container ${id} to ${name}`, docker.getContainer(id).rename({ name }), []),
    pause: (id) => change(`pause container ${id}`, docker.getContainer(id).pause(), []),
    unpause: (id) => change(`unpause container ${id}`, docker.getContainer(id).unpause(), []),
    logs: (id, tail) =>
      ask(
        `read the logs of container ${id}`,
        docker.getContainer(id).logs({ stdout: true, stderr: true, follow: false, tail }),
      ),
    async image(name) {
      const found = await ask(
        `inspect image ${name}`,
        orNull(docker.getImage(name).inspect(), 404),
      );
      return found === null ? null : toImage(found);
    },
    pull: (name) => ask(`pull image ${name}`, pull(docker, name)),
    events: (options) => ask('follow its events', follow(listening, options)),
  };
}

function connect(host: string | undefined, timeoutMs: number | undefined): Docker {
  const timeout = timeoutMs === undefined ? {} : { timeout: timeoutMs };
  // Without one, the library reads DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH itself.
  if (host === undefined) return new Docker(timeout);
  if (host.startsWith('unix://')) return new Docker({ socketPath: host.slice(7), ...timeout });
  if (!host.includes('://')) return new Docker({ socketPath: host, ...timeout });
  const { hostname, port, protocol } = new URL(host);
  const isTls = protocol === 'https:';
  return new Docker({
    host: hostname,
    port: port === '' ? (isTls ? 2376 : 2375) : Number(port),
    protocol: isTls ? 'https' : 'http',
    ...timeout,
  });
}

async function follow(
  docker: Docker,
  { actions, sinceMs, signal }: EventOptions,
): Promise<Readable> {
  const stream = (await docker.getEvents({
    filters: { type: ['container'], event: [...actions] },
    ...(sinceMs === null ? {} : { since: sinceMs / 1000 }),
    abortSignal: signal,
  })) as Readable;
  signal.addEventListener('abort', () => stream.destroy(), { once: true });
  return stream;
}

/** The engine gives null for what an image has none of. */
function toImage({ Id, Config }: Docker.ImageInspectInfo): Image {
  const { Env, Labels } = Config as {
    Env?: string[] | null;
    Labels?: Record<string, string> | null;
  };
  return { id: Id, env: Env ?? [], labels: Labels ?? {} };
}

function orNull<T>(call: Promise<T>, status: number): Promise<T | null> {
  return call.catch((error: unknown) => {
    if ((error as EngineError).statusCode === status) return null;
    throw error;
  });
}

/** Resolves when the last layer is there; the engine tells of a failure in the stream. */
async function pull(docker: Docker, name: string): Promise<void> {
  const stream = await docker.pull(name);
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error: Error | null) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

function asError(error: EngineError, { what, place }: { what: string; place: string }): Error {
  const { code, statusCode } = error;
  if (code === 'EACCES' || code === 'EPERM') {
    return new Error(
      `the Docker engine at ${place} may not be used (${code}); add Vigil's user to the socket's group`,
      { cause: error },
    );
  }
  if (code !== undefined && AWAY.has(code)) {
    return new TransientError(
      `the Docker engine at ${place} cannot be reached (${code}) to ${what}; start it, or set worker.docker.socket`,
      { cause: error },
    );
  }
  const message = `the Docker engine refused to ${what}: ${reasonOf(error)}`;
  return statusCode === 503
    ? new TransientError(message, { cause: error })
    : new Error(message, { cause: error });
}

function reasonOf({ json, message }: EngineError): string {
  const told = (json as { message?: unknown } | null | undefined)?.message;
  return (typeof told === 'string' ? told : message).trim();
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
