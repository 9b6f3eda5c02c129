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
}

export type RuntimeSpec =
  ProcessSpec | DockerSpec | SystemdSpec | ScriptSpec | WebhookSpec | ConfigSpec;
