import type { Pool } from 'pg';
import { loadSeriesById } from '../storage/detector-load';
import type { StoredSample } from '../storage/samples';
import type { StoredVerdict } from '../storage/verdicts';
import { loadSamples } from '../storage/windows';
import { reconsider, type Pair } from './pairs';
import { createSelection, load, type Selection, type State } from './selection';
import { createWindows, type Windows } from './windows';

/** Series whose samples are read at once. */
const HYDRATE_SERIES = 500;

/** A sample as another process announces it. */
export type ForeignSample = Pick<StoredSample, 'seriesId' | 'ts' | 'value' | 'lag'>;

/** What is watched: the pairs, the windows they read, and which pair a sample speaks of. */
export interface Watch {
  readonly windows: Windows;
  /** Newest revision that is loaded; null: nothing is loaded yet. */
  revision: () => number | null;
  pairs: () => Iterable<Pair>;
  managedCount: () => number;
  /** Takes a committed sample in; answers the pairs that read it. */
  accept: (sample: StoredSample) => readonly Pair[];
  acceptForeign: (sample: ForeignSample) => readonly Pair[];
  /** Reads policies, resources, series and verdicts anew; answers verdicts whose pair is gone. */
  reload: (pool: Pool) => Promise<StoredVerdict[]>;
  /** True when something has to be read from the database before all is in memory. */
  isBehind: () => boolean;
  /** Windows are to be read from the database again. */
  forgetWindows: () => void;
  /** Reads windows that are not in memory yet; answers the pairs that read them. */
  hydrate: (pool: Pool) => Promise<Pair[]>;
}

export function createWatch({ now }: { now: () => number }): Watch {
  const windows = createWindows();
  const state = emptyState();
  const selection = createSelection(state, windows);

  function take({ seriesId, ts, value, lag }: ForeignSample): readonly Pair[] {
    const sample = { ts, value, receivedAt: ts + lag * 1000 };
    const isTaken = windows.add(seriesId, sample, now());
    if (!isTaken) return [];
    return seen(state.readers.get(seriesId) ?? [], ts);
  }

  return {
    windows,
    revision: () => state.revision,
    pairs: () => state.pairs.values(),
    managedCount: () => state.roster?.managed.length ?? 0,
    accept(sample) {
      const { seriesId } = sample;
      if (!windows.has(seriesId) && !state.unread.has(seriesId)) {
        // While policies are being read, nobody knows who reads a new series.
        if (state.isReloading) state.unknown.add(seriesId);
        else selection.select(sample);
      }
      return take(sample);
    },
    acceptForeign(sample) {
      if (!windows.has(sample.seriesId) && !state.unread.has(sample.seriesId)) {
        state.unknown.add(sample.seriesId);
      }
      return take(sample);
    },
    async reload(pool) {
      state.isReloading = true;
      try {
        const loaded = await load(pool);
        return selection.replace(loaded, now());
      } finally {
        state.isReloading = false;
      }
    },
    isBehind: () => state.unknown.size > 0 || state.unhydrated.size > 0,
    forgetWindows() {
      for (const id of windows.ids()) state.unhydrated.add(id);
    },
    async hydrate(pool) {
      if (state.unknown.size > 0) await identify(pool, state, selection);
      const pairs = new Set<Pair>();
      const from = state.unhydrated.size > 0 ? now() - windows.longestLookbackMs() : 0;
      while (state.unhydrated.size > 0) {
        const ids = [...state.unhydrated].slice(0, HYDRATE_SERIES);
        for (const [id, samples] of await loadSamples(pool, ids, from)) {
          for (const sample of samples) windows.add(id, sample, now());
          for (const pair of state.readers.get(id) ?? []) pairs.add(pair);
        }
        for (const id of ids) state.unhydrated.delete(id);
      }
      for (const pair of pairs) reconsider(pair, now());
      return [...pairs];
    },
  };
}

function seen(readers: readonly Pair[], ts: number): readonly Pair[] {
  for (const pair of readers) if (ts < pair.seenFrom) pair.seenFrom = ts;
  return readers;
}

/** Finds out who reads series of which only the id was heard. */
async function identify(pool: Pool, state: State, selection: Selection): Promise<void> {
  const ids = [...state.unknown];
  for (const row of await loadSeriesById(pool, ids)) selection.select(row);
  for (const id of ids) state.unknown.delete(id);
}

function emptyState(): State {
  return {
    pairs: new Map(),
    roster: null,
    revision: null,
    isReloading: false,
    readers: new Map(),
    unread: new Set(),
    unknown: new Set(),
    unhydrated: new Set(),
  };
}
