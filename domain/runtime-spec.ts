/** What a Service's manifest says of its runtime, compiled: one interface per runtime. Durations in ms. */

/** A program that Vigil itself starts. */
export interface ProcessSpec {
  type: 'process';
  /** The program and its arguments; never a shell line. */
  command: string[];
  env: Record<string, string>;
  cwd: string;
  /** `npm start` stops this process on its own way out. */
  stopWithVigil: boolean;
  /** How `reload` tells it. Absent: SIGHUP. */
  reload?: { signal: ReloadSignal };
  /** Enforced by the kernel from its start on. Absent: none. */
  limits?: ProcessLimits;
}

export const RELOAD_SIGNALS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

/** None of them ends what handles it. */
export type ReloadSignal = (typeof RELOAD_SIGNALS)[number];

/** Of a process and all that it starts, but `openFiles`, which each of them has for itself. */
export interface ProcessLimits {
  memoryBytes?: number;
  /** Of one CPU: 50 is half of one, 200 are two. */
  cpuPercent?: number;
  openFiles?: number;
  processes?: number;
}

/** What makes one container of a set: it is written on the container, so that it can be made again. */
export interface ContainerSpec {
  /** Null: that of the adopted container. */
  image: string | null;
  /** Null: the image's own. */
  command: string[] | null;
  /** Secret references stay references until a container is made. */
  env: Record<string, string>;
  /** Null: no limit. `memory` is in bytes. */
  resources: { cpus: number | null; memory: number | null };
  /** `none`, `host` or the name of a network; null: the engine's default. */
  network: string | null;
  /** As Docker writes them: `127.0.0.1:8080:80/tcp`. */
  ports: string[];
  /** As Docker writes them: `/srv/data:/data:ro`. */
  volumes: string[];
  labels: Record<string, string>;
  /** From the stop signal to SIGKILL. */
  stopTimeout: number;
  /** Null: the image's own. A command is run inside the container; 0 of it means healthy. */
  health: {
    command: string[];
    interval: number;
    timeout: number;
    retries: number;
    startPeriod: number;
  } | null;
}

/** A set of equal containers of one Docker engine. The keys are those of the manifest. */
export interface DockerSpec extends ContainerSpec {
  type: 'docker';
  /** A container that is not Vigil's, by name: restart and pause alone, and no `image`. */
  adopt: string | null;
  /** How many containers, where nothing scales it. */
  replicas: number;
  /** How long a new container may take to become healthy before the old one is brought back. */
  healthyWithin: number;
  /** Without a health check: how long a new container must run to count as healthy. */
  runningFor: number;
  /** Whether an image that the engine lacks may be pulled. */
  pull: 'never' | 'missing';
}

/** A unit of systemd: one that is there already, and systemd's to start at boot. */
export interface SystemdSpec {
  type: 'systemd';
  /** With its suffix: `nginx.service`. */
  unit: string;
  /** Whose manager: that of the system, or that of the worker's user. */
  scope: UnitScope;
  /** Also where it is Vigil's own unit. Absent: no. */
  allowSelf?: boolean;
}

export type UnitScope = 'system' | 'user';

/** Commands of a person's own, one per verb. Arguments are templates (`domain/action/template.ts`). */
export interface ScriptSpec {
  type: 'script';
  /** By verb; the names are the manifest's own. */
  actions: Record<string, ScriptAction>;
  /** What it prints is the resource's identity: it must change with every incarnation. */
  inspect: { command: string[] } | null;
  env: {
    /** Variables of the worker's own environment that the command gets. */
    allow: string[];
    /** May hold secret references. */
    set: Record<string, string>;
  };
  /** Null: the folder that the program was found in. */
  cwd: string | null;
}

export interface ScriptAction {
  /** The program and its arguments; never a shell line. */
  command: string[];
  timeoutMs: number;
  /** To do it twice is the same as once: it may be repeated when nobody knows whether it happened. */
  idempotent: boolean;
}

/** HTTP endpoints of a person's own, one per verb. */
export interface WebhookSpec {
  type: 'webhook';
  /** By verb; the names are the manifest's own. */
  actions: Record<string, WebhookAction>;
  /** A GET whose answer's body is the resource's identity: it must change with every incarnation. */
  inspect: { url: string; headers: Record<string, string> } | null;
  /** Reference to the key of the signature; null: requests are not signed. */
  secret: string | null;
  /** Asks for addresses that are not public; the worker's operator must allow them, too. */
  allowPrivate: boolean;
}

export interface WebhookAction {
  url: string;
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Instead of Vigil's own fields: JSON whose texts are templates. Null: Vigil's own. */
  body: JsonValue;
  /** Values may be secret references. */
  headers: Record<string, string>;
  timeoutMs: number;
  /** To do it twice is the same as once: it may be repeated when nobody knows whether it happened. */
  idempotent: boolean;
}

export type JsonValue =
  string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue };

/** Files alone, and how whoever reads them is told of a change. */
export interface ConfigSpec {
  type: 'config';
  /** How whoever reads the files is told. Absent: nobody is. */
  reload?: ConfigReload;
}

/** Each may be repeated: told twice, a program reads its files twice. */
export type ConfigReload =
  | { command: string[] }
  | { pidFile: string; signal: ReloadSignal }
  | { unit: string; scope: UnitScope };

/** Run by somebody else, who reports its state: Vigil looks at it and tells, and does nothing to it. */
export interface ExternalSpec {
  type: 'external';
}

export type RuntimeSpec =
  ExternalSpec | ProcessSpec | DockerSpec | SystemdSpec | ScriptSpec | WebhookSpec | ConfigSpec;
