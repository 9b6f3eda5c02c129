/** One measurement as the collector's ingest takes it. */
export interface Sample {
  name: string;
  value: number;
  tags: Record<string, string>;
  /** Epoch ms, taken when it was measured. */
  timestamp: number;
  source: 'agent';
}

/** Stamps measurements of the same moment. */
export function samplesAt(
  timestamp: number,
  tags: Record<string, string>,
  values: Readonly<Record<string, number>>,
): Sample[] {
  return Object.entries(values).map(([name, value]) => ({
    name,
    value,
    tags,
    timestamp: Math.round(timestamp),
    source: 'agent',
  }));
}
