import type { ZodObject } from 'zod';
import type { Attribution } from '../drift/change';
import type { Attributions } from '../drift/compare';
import type { Override, Settled } from '../drift/rules';
import type { ConfigFile, ResourceAmounts, ResourceKey, ServiceSpec } from '../resource';
import { NOTIFY, type Step, type StepParams } from '../policy/policy';
import type { ContainerSpec, RuntimeSpec } from '../runtime-spec';

/**
 * The seam between the control plane and a runtime. A runtime knows nothing of policies, slots or
 * databases: it inspects, acts, and can tell whether an act was already done.
 */

/** What a runtime adaptor can do, as data: read by the checker, the API and the help. */
export interface RuntimeCatalogue {
  type: string;
  /** Shape of `spec.runtime` in a manifest; its output is the compiled RuntimeSpec. Absent: the language knows it. */
  schema?: ZodObject;
  verbs: {
    verb: string;
    summary: string;
    params: { name: string; type: 'string' | 'number' | 'boolean' }[];
  }[];
  /** Other names people write: `restart_service` → `restart`, `scale_up` → `scale` by 1. */
  aliases: Record<string, string | { verb: string; params: StepParams }>;
  /** Each Service's own spec names its verbs (`actions`) and takes any parameter; `verbs` is empty. */
  openVerbs?: true;
}

/** What a policy can do whatever its targets run on, because it touches none of them. */
export const BUILT_IN: RuntimeCatalogue = {
  type: 'any',
  verbs: [
    {
      verb: NOTIFY,
      summary: 'tell people, and do nothing to the target',
      params: [
        { name: 'channel', type: 'string' },
        { name: 'message', type: 'string' },
      ],
    },
  ],
  aliases: {},
};

/** The step that a written action stands for here: its verb, and what an alias brings along. */
export function stepOf({ aliases }: Pick<RuntimeCatalogue, 'aliases'>, action: string): Step {
  const alias = Object.hasOwn(aliases, action) ? aliases[action] : undefined;
  if (alias === undefined) return { action, params: {} };
  if (typeof alias === 'string') return { action: alias, params: {} };
  return { action: alias.verb, params: alias.params };
}

/** What can be done to a Service of that runtime. */
export function verbsOf(catalogue: RuntimeCatalogue, runtime: RuntimeSpec): string[] {
  if (catalogue.openVerbs === true && 'actions' in runtime) return Object.keys(runtime.actions);
  return catalogue.verbs.map(({ verb }) => verb);
}

/** What stands before an act. `identity` changes with every new incarnation; null: not running. */
export interface Snapshot {
  identity: string | null;
  takenAt: number;
  /** The step's parameters with every relative one made absolute (`by: 1` → `to: 3`); absent: as written. */
  aim?: StepParams;
  /** What `restore` brings back: plain data, never a secret. */
  before?: Record<string, unknown>;
  /** What is not to be as the manifest says; settled when the step began, so that repeated it aims at the same. */
  settled?: Settled[];
  /** On a host: the worker, and with it the journal, that took it; no other one may act on it. */
  takenBy?: string;
}

/** Everything a runtime needs to know of its target; payloads carry secret references, never values. */
export interface RuntimeTarget {
  resource: ResourceKey;
  spec: ServiceSpec;
  /** What Vigil itself set instead of the manifest's values. Absent: nothing. */
  overrides?: Override[];
  /** By pointer who made what differs, as it was told before. Absent: nobody did. */
  attribution?: Attributions;
  /** What was settled of the manifest's rules and those overrides; `spec` holds it already. */
  settled?: readonly Settled[];
}

export interface ExecuteRequest {
  /** `<action uuid>/<step>`: put on what the act creates, so that it is found again. */
  key: string;
  step: Step;
  target: RuntimeTarget;
  snapshot: Snapshot;
}

/** Done = the runtime shows the new identity; health is for verify. Never holds a secret. */
export interface StepResult {
  identity: string | null;
  /** One line for people: what was done. */
  summary: string;
  /** For the audit: the last lines of a log, an exit code. Never a secret. */
  details?: Record<string, unknown>;
}

/** What a runtime reports of a resource; compared with the manifest by domain/drift. */
export interface ObservedState {
  /** Its runtime cannot look: the other fields say nothing, and nothing of it is drift. */
  isUnseen?: true;
  identity: string | null;
  isRunning: boolean;
  /** True until Vigil started it for the first time on this host. */
  isAbsent: boolean;
  command: string[] | null;
  /**
   * The variables that the manifest names, and what somebody else added where the runtime can tell;
   * a secret reference stands for itself while its value is right. Null: it is not there; NOT_SHOWN:
   * another value than desired, which is or may be a secret's.
   */
  env: Record<string, string | null> | null;
  /**
   * Files of the manifest that were looked at; null: not there. `mode` in octal digits, `owner` in the
   * manifest's words while it is right; both only where the manifest gives them.
   */
  config: {
    path: ConfigFile['path'];
    sha256: string | null;
    mode?: string;
    owner?: string;
  }[];
  /** Of runtimes that have them; absent: not looked at. */
  image?: string | null;
  replicas?: number;
  resources?: Partial<ResourceAmounts>;
  /** Without those that are the engine's or Vigil's own. */
  labels?: Record<string, string>;
  /** As a manifest writes them. */
  ports?: string[];
  /** As a manifest writes them, without anonymous ones. */
  volumes?: string[];
  /** Names of those that it is on; `default`: the engine's own. */
  networks?: string[];
  /** Null: none but what the image brings. */
  healthCheck?: ContainerSpec['health'];
  /** As the workload itself tells it. */
  version?: string | null;
  /** By pointer of the fact: how it came to be as it is, where this look could tell. */
  attribution?: Record<string, Attribution>;
  health?: 'healthy' | 'unhealthy' | 'starting' | null;
  /** For people, and never compared: a state's own name, an exit code. */
  details?: Record<string, string | number | null>;
}

export interface Runtime {
  catalogue: RuntimeCatalogue;
  /** @param step what is to be done next; without it, only what stands */
  inspect: (target: RuntimeTarget, step?: Step) => Promise<Snapshot>;
  /**
   * Acts once. Throws TransientError where a new try may help, UnknownEffectError where nobody can
   * tell whether it happened, any other Error where it did not and a new try would not help.
   */
  execute: (request: ExecuteRequest, signal: AbortSignal) => Promise<StepResult>;
  /**
   * For a step that was begun and not ended: its result if a new identity carries its key; null:
   * it is to be done; `unknowable`: nobody can tell, so it must not be done again.
   */
  findDone: (request: ExecuteRequest) => Promise<StepResult | null | 'unknowable'>;
  /**
   * Brings back what `request.snapshot` shows, where the step can be undone; null: it cannot. Once,
   * like `execute`: its key is `<action uuid>/<step>/restore`, and `findDone` is asked with that key.
   */
  restore?: (request: ExecuteRequest, signal: AbortSignal) => Promise<StepResult | null>;
  observe: (target: RuntimeTarget) => Promise<ObservedState>;
  /**
   * Tells at once that something may have changed; `observe` is the truth. Absent: it is looked at
   * from time to time. Goes on by itself after the engine was away, and then tells of everything.
   */
  watch?: (handler: RuntimeWatchHandler) => RuntimeWatch;
  /** Starts what is desired and not running, outside any action; null when it runs, or is not Vigil's to start. */
  ensureRunning: (target: RuntimeTarget) => Promise<StepResult | null>;
}

/** What an event tells of the differences that the next look will find. */
export interface ChangeHint {
  /** First segments of the pointers that it may explain: `running`, `replicas`. */
  groups: readonly string[];
  attribution: Attribution;
}

export interface RuntimeWatchHandler {
  /** The resources that this runtime may look at now. */
  targets: () => Iterable<RuntimeTarget>;
  /** `resource` null: nobody knows which, so look at all of this runtime. */
  onChange: (event: { resource: ResourceKey | null; hint?: ChangeHint }) => void;
  onError: (error: unknown) => void;
}

export interface RuntimeWatch {
  /** False while it does not hear: it is looked at more often then. */
  isWorking: () => boolean;
  close: () => Promise<void>;
}

/** A new try may help. */
export class TransientError extends Error {
  override name = 'TransientError';
}

/** The effect may have happened and may not: the action ends `inconclusive`, and nothing is tried again. */
export class UnknownEffectError extends Error {
  override name = 'UnknownEffectError';
}
