import type { Pool } from 'pg';
import type { PreviousVerdict } from '../domain/policy/evaluate';
import type { PolicyRevision } from '../domain/policy/policy';
import { matchesSelector } from '../domain/policy/series';
import { parseResourceKey, type Resource } from '../domain/resource';
import {
  loadAllPolicies,
  loadManaged,
  loadNewestRevision,
  loadRetired,
  loadSeriesOf,
  type SeriesRow,
} from '../storage/detector-load';
import { loadAllVerdicts, type StoredVerdict } from '../storage/verdicts';
import { freshPair, pairKey, reconsider, type Pair } from './pairs';
import { createRoster, type Roster } from './roster';
import type { Windows } from './windows';

/** Who reads what. */
export interface State {
  pairs: Map<string, Pair>;
  roster: Roster | null;
  revision: number | null;
  isReloading: boolean;
  /** Which pairs read a series. */
  readers: Map<number, Pair[]>;
  /** Series that nobody reads. */
  unread: Set<number>;
  /** Series of which only the id is known. */
  unknown: Set<number>;
  /** Series whose samples in the database are not in memory. */
  unhydrated: Set<number>;
}

export interface Loaded {
  revision: number;
  verdicts: StoredVerdict[];
  roster: Roster;
  series: SeriesRow[];
}

/**
 * Verdicts are read first: a pair they name that is missing from what is read afterwards is gone.
 * The revision too: what is newer than it is read again.
 */
export async function load(pool: Pool): Promise<Loaded> {
  const revision = await loadNewestRevision(pool);
  const verdicts = await loadAllVerdicts(pool);
  const [policies, managed, retired] = await Promise.all([
    loadAllPolicies(pool),
    loadManaged(pool),
    loadRetired(pool),
  ]);
  const roster = createRoster({ policies, managed, retired });
  return { revision, verdicts, roster, series: await loadSeriesOf(pool, roster.metrics) };
}

export interface Selection {
  /** Finds out who reads a series; it is kept when somebody does. */
  select: (series: SeriesRow) => void;
  replace: (loaded: Loaded, now: number) => StoredVerdict[];
}

export function createSelection(state: State, windows: Windows): Selection {
  /** A pair that was there before stays the same object, so that whoever holds it stays right. */
  function intern(
    resource: Resource,
    policy: PolicyRevision,
    before: ReadonlyMap<string, Pair>,
  ): Pair {
    const key = pairKey(resource.key, policy.policy.key);
    const present = state.pairs.get(key);
    if (present !== undefined) return present;
    const old = before.get(key);
    const fresh = freshPair(resource, policy);
    const pair = old === undefined ? fresh : Object.assign(old, continued(old, fresh));
    state.pairs.set(key, pair);
    return pair;
  }

  function select(series: SeriesRow, before: ReadonlyMap<string, Pair> = new Map()): void {
    const pairOf = ([resource, policy]: Reading): Pair => intern(resource, policy, before);
    const own = ownReadings(series, state.roster).map(pairOf);
    const others = farReadings(series, state.roster).map(pairOf);
    const far = others.filter((pair) => !own.includes(pair));
    const pairs = [...own, ...far];
    if (pairs.length === 0) {
      state.unread.add(series.seriesId);
      return;
    }
    state.readers.set(series.seriesId, pairs);
    const lookbackMs = Math.max(...pairs.map((pair) => pair.lookbackMs));
    const readers = [
      ...far.map(({ resource }) => ({ resource: resource.key, isForeign: true })),
      ...own.map(({ resource }) => ({ resource: resource.key, isForeign: false })),
    ];
    if (windows.keep(series, readers, lookbackMs)) state.unhydrated.add(series.seriesId);
  }

  return {
    select,
    replace({ revision, verdicts, roster, series }, now) {
      const before = state.pairs;
      state.pairs = new Map();
      state.roster = roster;
      state.readers = new Map();
      state.unread = new Set();
      for (const resource of roster.managed) {
        for (const policy of roster.policiesOf(resource)) intern(resource, policy, before);
      }
      windows.forgetReaders();
      for (const row of series) select(row, before);
      windows.retain(new Set(state.readers.keys()));
      for (const [key, pair] of before) if (!state.pairs.has(key)) pair.isGone = true;
      state.revision = revision;
      return adopt(state.pairs, verdicts, now);
    },
  };
}

type Reading = [Resource, PolicyRevision];

/** Who reads a series among the resources that it speaks of. */
function ownReadings(series: SeriesRow, roster: Roster | null): Reading[] {
  if (roster === null) return [];
  return roster.resourcesOf(series).flatMap((resource) =>
    roster
      .policiesOf(resource)
      .filter((policy) => roster.reads(policy, series.name))
      .map((policy): Reading => [resource, policy]),
  );
}

/** Who reads it although it speaks of another resource: conditions that name that one. */
function farReadings(series: SeriesRow, roster: Roster | null): Reading[] {
  if (series.owner === null || roster === null) return [];
  return roster
    .farSighted(parseResourceKey(series.owner).namespace)
    .filter(({ foreign }) => foreign.some((selector) => matchesSelector(selector, series)))
    .flatMap(({ policy, targets }) => targets.map((resource): Reading => [resource, policy]));
}

/** An edit that leaves the condition's meaning alone lets its verdict go on. */
function continued(old: Pair, fresh: Pair): Partial<Pair> {
  const isSame = old.policy.policy.condition.hash === fresh.policy.policy.condition.hash;
  const { resource, policy, metrics, foreign, intervalMs, lookbackMs } = fresh;
  const reading = { resource, policy, metrics, foreign, intervalMs, lookbackMs };
  return isSame
    ? { ...reading, isGone: false }
    : {
        ...reading,
        isGone: false,
        previous: null,
        held: undefined,
        unknownAt: null,
        isBroken: false,
      };
}

/**
 * Gives the pairs their rows; answers rows that belong to none. A verdict of an earlier process goes
 * on as if it had been evaluated now: nothing was received while no process ran, and samples that
 * were sent meanwhile and still count are looked at again anyway.
 */
function adopt(
  pairs: ReadonlyMap<string, Pair>,
  verdicts: readonly StoredVerdict[],
  now: number,
): StoredVerdict[] {
  for (const pair of pairs.values()) pair.stored = null;
  const gone: StoredVerdict[] = [];
  for (const row of verdicts) {
    const pair = pairs.get(pairKey(row.resource, row.policy));
    if (pair === undefined) {
      gone.push(row);
      continue;
    }
    pair.stored = row;
    if (row.conditionHash === pair.policy.policy.condition.hash) {
      pair.previous ??= previousOf(row, now);
      reconsider(pair, now);
    }
  }
  return gone;
}

/** Where an evaluation at `evaluatedTo` leaves off. */
export function previousOf(
  { verdict, since }: Pick<PreviousVerdict, 'verdict' | 'since'>,
  evaluatedTo: number,
): PreviousVerdict {
  return { verdict, since, evaluatedTo };
}
