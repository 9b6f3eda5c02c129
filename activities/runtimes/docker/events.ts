import type { ChangeHint } from '../../../domain/action/runtime';
import type { Attribution } from '../../../domain/drift/change';
import { CONTAINER_GROUPS } from '../../../domain/drift/container-facts';
import type { ResourceKey } from '../../../domain/resource';
import { LABELS } from './containers';

/** The part of an event of the Engine API that is read here. */
export interface EngineEvent {
  Type?: string;
  Action?: string;
  time?: number;
  timeNano?: number;
  Actor?: { ID?: string; Attributes?: Readonly<Record<string, string>> };
}

/** What of a container's life may change what is observed of it; `exec_*` and `top` are noise. */
export const WATCHED_ACTIONS = [
  'create',
  'start',
  'restart',
  'stop',
  'kill',
  'die',
  'oom',
  'pause',
  'unpause',
  'destroy',
  'rename',
  'update',
  'health_status',
] as const;

/** Whom an event is about: a container that carries our labels, or one that a manifest adopts by name. */
export function resourceOf(
  event: EngineEvent,
  { home, adopted }: { home: string; adopted: ReadonlyMap<string, ResourceKey> },
): ResourceKey | null {
  const attributes = event.Actor?.Attributes ?? {};
  if (attributes[LABELS.owner] === home) return attributes[LABELS.resource] ?? null;
  return adopted.get(attributes['name'] ?? '') ?? null;
}

const RUN = ['running', 'replicas'];
const SHAPE = [
  ...['image', 'command', 'env', 'labels', 'resources', 'replicas'],
  ...CONTAINER_GROUPS,
];

type Told = (attributes: Readonly<Record<string, string>>) => string | null;

/** By action: which differences it may explain, and in which words. */
const MEANING: Readonly<Record<string, { groups: readonly string[]; what: Told }>> = {
  die: { groups: RUN, what: ({ exitCode = '?' }) => `exited with code ${exitCode}` },
  kill: { groups: RUN, what: ({ signal = '?' }) => `was sent signal ${signal}` },
  stop: { groups: RUN, what: () => 'was stopped' },
  oom: { groups: RUN, what: () => 'ran out of memory' },
  destroy: { groups: RUN, what: () => 'was removed' },
  pause: { groups: RUN, what: () => 'was paused' },
  create: { groups: SHAPE, what: ({ image = '?' }) => `was made from ${image}` },
  start: { groups: RUN, what: () => 'was started' },
  update: { groups: ['resources'], what: () => 'had its limits changed' },
};

/** In words of a person, what the engine saw; null: it explains no difference. */
export function hintOf(event: EngineEvent): ChangeHint | null {
  const meaning = MEANING[event.Action ?? ''];
  const attributes = event.Actor?.Attributes ?? {};
  const what = meaning?.what(attributes) ?? null;
  if (meaning === undefined || what === null) return null;
  const attribution: Attribution = {
    from: 'event',
    by: null,
    at: millisecondsOf(event),
    what: `container ${attributes['name'] ?? event.Actor?.ID?.slice(0, 12) ?? '?'} ${what}`,
  };
  return { groups: meaning.groups, attribution };
}

export function millisecondsOf({ time, timeNano }: EngineEvent): number | null {
  if (timeNano !== undefined) return Math.floor(timeNano / 1e6);
  return time === undefined ? null : time * 1000;
}
