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

/** A unit of systemd. */
export interface SystemdSpec {
  type: 'systemd';
  unit: string;
}

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
}

export type RuntimeSpec =
  ProcessSpec | DockerSpec | SystemdSpec | ScriptSpec | WebhookSpec | ConfigSpec;
