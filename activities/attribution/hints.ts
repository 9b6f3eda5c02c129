import type { Pool } from 'pg';
import type { ChangeHint } from '../../domain/action/runtime';
import type { Attribution, Change } from '../../domain/drift/change';
import type { Attributions } from '../../domain/drift/compare';
import { groupOf } from '../../domain/drift/normalise';
import type { ResourceKey } from '../../domain/resource';
import { loadAttributions, type ObservedResource } from '../../storage/states';

/** What may explain differences that the next looks find. */
export interface Hint {
  /** Whether it may explain a difference at this pointer. */
  covers: (pointer: string) => boolean;
  attribution: Attribution;
}

/** An event of a runtime names the groups of facts that it may explain. */
export function ofGroups({ groups, attribution }: ChangeHint): Hint {
  return { covers: (pointer) => groups.includes(groupOf(pointer)), attribution };
}

/** How the differences of resources came about, as far as somebody told. */
export interface Hints {
  tell: (resource: ResourceKey, hint: Hint) => void;
  /** What explained its differences before this process began; what is known here stands. */
  recall: (resource: ResourceKey, explained: Attributions) => void;
  /** By pointer of the changes that were found. What explained a difference once does so until it is gone. */
  explain: (resource: ResourceKey, changes: readonly Change[]) => Attributions;
  /** Nothing told until then (epoch ms), by these or anybody, explains what is found from now on. */
  settle: (resource: ResourceKey, until: number, from?: Attribution['from']) => void;
  forget: (resource: ResourceKey) => void;
}

/** Of one resource more are not kept: a container that starts over and over tells without end. */
const MAX_HINTS = 32;

interface Told {
  hints: Hint[];
  explained: Map<string, Attribution>;
}

export function createHints(): Hints {
  const all = new Map<ResourceKey, Told>();
  return {
    tell(resource, hint) {
      const told = all.get(resource) ?? { hints: [], explained: new Map() };
      told.hints = [...told.hints.slice(1 - MAX_HINTS), hint];
      all.set(resource, told);
    },
    recall(resource, explained) {
      const told = all.get(resource) ?? { hints: [], explained: new Map() };
      told.explained = new Map([...Object.entries(explained), ...told.explained]);
      all.set(resource, told);
    },
    explain(resource, changes) {
      const told = all.get(resource);
      if (told === undefined) return {};
      const before = told.explained;
      told.explained = new Map();
      for (const { pointer } of changes) {
        const newest = told.hints.findLast(({ covers }) => covers(pointer))?.attribution;
        // The first that explained it: a later event is what came of it.
        const found = before.get(pointer) ?? newest;
        if (found !== undefined) told.explained.set(pointer, found);
      }
      return Object.fromEntries(told.explained);
    },
    settle(resource, until, from) {
      const told = all.get(resource);
      if (told === undefined) return;
      const isOver = ({ attribution }: Hint): boolean =>
        (attribution.at ?? -Infinity) <= until && [attribution.from, undefined].includes(from);
      told.hints = told.hints.filter((hint) => !isOver(hint));
      if (told.hints.length + told.explained.size === 0) all.delete(resource);
    },
    forget: (resource) => all.delete(resource),
  };
}

/** Of resources that this process sees for the first time: what explained their differences before. */
export async function recallHints(
  pool: Pool,
  hints: Hints,
  resources: readonly ObservedResource[],
): Promise<void> {
  if (resources.length === 0) return;
  const known = await loadAttributions(
    pool,
    resources.map(({ resource }) => resource),
  );
  for (const [resource, attribution] of known) {
    const told = Object.entries(attribution).filter(([, { from }]) => from !== 'file');
    if (told.length > 0) hints.recall(resource, Object.fromEntries(told));
  }
}
