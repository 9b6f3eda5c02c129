import type { ObservedState } from '../action/runtime';
import type { ServiceSpec } from '../resource';
import type { Attribution, Change } from './change';
import { driftOf, type DriftInput } from './diff';

/** By JSON pointer of a fact, who made it so. */
export type Attributions = Readonly<Record<string, Attribution>>;

export interface Explaining extends DriftInput {
  /** Of what differs, how that came about, as far as somebody told. Absent: nobody did. */
  explain?: ((changes: readonly Change[]) => Attributions) | undefined;
}

export interface Compared {
  /** What was seen, with all that explains how it differs: kept, so that it explains the same the next time. */
  observed: ObservedState;
  changes: Change[];
}

/** Who made a difference may decide whether it is one: what was told is asked before the rules are. */
export function compare(
  spec: ServiceSpec,
  { attribution = {}, ...bare }: ObservedState,
  { explain, ...input }: Explaining,
): Compared {
  const differing = driftOf(spec, bare, input);
  const pointers = new Set(differing.map(({ pointer }) => pointer));
  const own = pick(attribution, (pointer, { from }) => from === 'file' || pointers.has(pointer));
  const observed = withTold({ ...bare, attribution: own }, explain?.(differing) ?? {});
  if (Object.keys(observed.attribution ?? {}).length === 0)
    return { observed: bare, changes: differing };
  // Who made it so takes differences away and adds none: most looks at files find nothing to ask that of.
  if (differing.length === 0) return { observed, changes: differing };
  return { observed, changes: driftOf(spec, observed, input) };
}

/** An observation with what was told of it before or by others: that stands, unless the observation knows better. */
export function withTold(observed: ObservedState, told: Attributions): ObservedState {
  const { attribution: own = {} } = observed;
  const better = pick(told, (pointer, one) => isBetter(one, own[pointer]));
  if (Object.keys(better).length === 0) return observed;
  return { ...observed, attribution: { ...own, ...better } };
}

/**
 * A file tells who wrote it last, which is not why it differs if somebody wanted something else
 * after that. Of others the first explains it: a later event is what came of it.
 */
function isBetter(told: Attribution, own: Attribution | undefined): boolean {
  if (own === undefined) return true;
  if (told.from === 'file') return false;
  if (own.from === 'file') return (own.at ?? -Infinity) <= (told.at ?? Infinity);
  return (told.at ?? Infinity) < (own.at ?? -Infinity);
}

/** What was told before, for what still differs; what files tell, each look finds out for itself. */
export function recalling(told: Attributions = {}): NonNullable<Explaining['explain']> {
  return (changes) => {
    const pointers = new Set(changes.map(({ pointer }) => pointer));
    return pick(told, (pointer, { from }) => from !== 'file' && pointers.has(pointer));
  };
}

function pick(
  all: Attributions,
  isWanted: (pointer: string, one: Attribution) => boolean,
): Attributions {
  return Object.fromEntries(Object.entries(all).filter((entry) => isWanted(...entry)));
}
