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

/** A set of equal containers of one Docker engine. */
export interface DockerSpec {
  type: 'docker';
  image: string;
  /** Null: the image's own. */
  command: string[] | null;
  env: Record<string, string>;
  /** How many containers, where nothing scales it. */
  replicas: number;
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

/** Commands of a person's own, one per verb. */
export interface ScriptSpec {
  type: 'script';
}

/** HTTP endpoints of a person's own, one per verb. */
export interface WebhookSpec {
  type: 'webhook';
}

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

export type RuntimeSpec =
  ProcessSpec | DockerSpec | SystemdSpec | ScriptSpec | WebhookSpec | ConfigSpec;
