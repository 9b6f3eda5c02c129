import type { Sample, SeriesWindow } from '../domain/policy/series';
import type { SeriesRow } from '../storage/detector-load';
import { MAX_LAG_SECONDS, type WindowSelection } from '../storage/windows';

/** A resource whose policies read a series; `isForeign`: the series belongs to another one. */
export interface Reader {
  resource: string;
  isForeign: boolean;
}

interface Kept {
  series: SeriesRow;
  lookbackMs: number;
  /** Ascending by ts, one per ts. */
  samples: Sample[];
}

/** Recent samples of the series that some policy reads, in memory. They answer what loadWindows answers. */
export interface Windows {
  /** Keeps a series for these resources; true when samples that are not in memory may be asked for. */
  keep: (series: SeriesRow, readers: readonly Reader[], lookbackMs: number) => boolean;
  /** Forgets who reads which series, but none of their samples: those that are still read are to be kept anew. */
  forgetReaders: () => void;
  /** Forgets all other series. */
  retain: (seriesIds: ReadonlySet<number>) => void;
  has: (seriesId: number) => boolean;
  ids: () => number[];
  longestLookbackMs: () => number;
  /** In any order, also repeatedly. False: the sample came too late to count, or its series is not kept. */
  add: (seriesId: number, sample: Sample, now: number) => boolean;
  of: (selection: WindowSelection) => SeriesWindow[];
}

export function createWindows(): Windows {
  const kept = new Map<number, Kept>();
  const byResource = new Map<string, Map<number, { entry: Kept; isForeign: boolean }>>();

  return {
    keep(series, readers, lookbackMs) {
      const present = kept.get(series.seriesId);
      const entry = present ?? { series, lookbackMs, samples: [] };
      const isLonger = lookbackMs > entry.lookbackMs;
      entry.lookbackMs = lookbackMs;
      kept.set(series.seriesId, entry);
      for (const { resource, isForeign } of readers) {
        const own =
          byResource.get(resource) ?? new Map<number, { entry: Kept; isForeign: boolean }>();
        byResource.set(resource, own.set(series.seriesId, { entry, isForeign }));
      }
      return present === undefined || isLonger;
    },
    forgetReaders() {
      byResource.clear();
    },
    retain(seriesIds) {
      for (const id of kept.keys()) if (!seriesIds.has(id)) kept.delete(id);
    },
    has: (seriesId) => kept.has(seriesId),
    ids: () => [...kept.keys()],
    longestLookbackMs: () => Math.max(0, ...[...kept.values()].map((entry) => entry.lookbackMs)),
    add(seriesId, sample, now) {
      const entry = kept.get(seriesId);
      if (entry === undefined || isTooLate(sample)) return false;
      insert(entry.samples, sample);
      prune(entry, now);
      return true;
    },
    of({ resource, metrics, from, to }) {
      const own = [...(byResource.get(resource)?.values() ?? [])];
      return own
        .filter(({ entry }) => metrics.includes(entry.series.name))
        .sort((a, b) => a.entry.series.seriesId - b.entry.series.seriesId)
        .map(({ entry: { series, samples }, isForeign }) => ({
          name: series.name,
          tags: series.tags,
          samples: between(samples, from, to),
          ...(isForeign ? { isForeign } : {}),
        }));
    },
  };
}

function isTooLate({ ts, receivedAt }: Sample): boolean {
  return receivedAt - ts > MAX_LAG_SECONDS * 1000;
}

/** Of two samples with one timestamp the one received last stays, so that the order of arrival does not matter. */
function insert(samples: Sample[], sample: Sample): void {
  let index = samples.length;
  while (index > 0 && (samples[index - 1]?.ts ?? -Infinity) > sample.ts) index -= 1;
  const twin = samples[index - 1];
  if (twin?.ts !== sample.ts) {
    samples.splice(index, 0, sample);
  } else if (
    sample.receivedAt > twin.receivedAt ||
    (sample.receivedAt === twin.receivedAt && sample.value > twin.value)
  ) {
    samples[index - 1] = sample;
  }
}

/** Old samples go in batches: moving the array for each new sample would cost more than it frees. */
function prune({ samples, lookbackMs }: Kept, now: number): void {
  const from = now - lookbackMs;
  if ((samples[0]?.ts ?? from) >= from - lookbackMs / 4) return;
  const firstNeeded = samples.findIndex((sample) => sample.ts >= from);
  samples.splice(0, firstNeeded === -1 ? samples.length : firstNeeded);
}

function between(samples: readonly Sample[], from: number, to: number): readonly Sample[] {
  const isAll = (samples[0]?.ts ?? from) >= from && (samples.at(-1)?.ts ?? to) <= to;
  return isAll ? samples : samples.filter(({ ts }) => ts >= from && ts <= to);
}
