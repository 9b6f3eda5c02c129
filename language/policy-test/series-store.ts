import { labelSetKey, type Sample, type SeriesWindow } from '../../domain/policy/series';

/** The place of a rule in the order of evaluation. */
export type Turn = number;

interface Stored {
  window: SeriesWindow;
  samples: Sample[];
  /** The rule that writes it; null: it was there from outside. */
  writer: Turn | null;
  /** As rules see it that come before its writer: a moment later. */
  late: SeriesWindow;
  lateSamples: Sample[];
}

/** The series of one test while its clock goes on: samples are only ever added at the end. */
export class SeriesStore {
  private readonly byKey = new Map<string, Stored>();
  /** In the order of their labels, which is that of answers to a query. */
  private sorted: Stored[] = [];

  /** `value` null: the marker that the series ends here. A second sample for one time is dropped. */
  append(
    series: { name: string; labels: Readonly<Record<string, string>> },
    { ts, value, writer }: { ts: number; value: number | null; writer: Turn | null },
  ): void {
    const stored = this.stored(series, writer);
    if ((stored.samples.at(-1)?.ts ?? -Infinity) >= ts) return;
    stored.samples.push(sampleAt(ts, value));
    if (writer !== null) stored.lateSamples.push(sampleAt(ts + 1, value));
  }

  /**
   * The series as a rule sees them in its turn: what it or a later rule writes at a tick is seen from
   * the next tick on. `turn` null: everything that is there.
   */
  seenBy(turn: Turn | null): SeriesWindow[] {
    return this.sorted.map(({ window, late, writer }) =>
      turn !== null && writer !== null && writer >= turn ? late : window,
    );
  }

  private stored(
    { name, labels }: { name: string; labels: Readonly<Record<string, string>> },
    writer: Turn | null,
  ): Stored {
    const key = seriesKey(name, labels);
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const samples: Sample[] = [];
    const lateSamples: Sample[] = [];
    const tags = { ...labels };
    const made: Stored = {
      window: { name, tags, samples },
      samples,
      writer,
      late: { name, tags, samples: lateSamples },
      lateSamples,
    };
    this.byKey.set(key, made);
    this.sorted = [...this.byKey.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, stored]) => stored);
    return made;
  }
}

export function seriesKey(name: string, labels: Readonly<Record<string, string>>): string {
  return `${name}${labelSetKey(labels)}`;
}

function sampleAt(ts: number, value: number | null): Sample {
  return value === null
    ? { ts, value: NaN, receivedAt: ts, isStale: true }
    : { ts, value, receivedAt: ts };
}
