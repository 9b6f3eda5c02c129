/** A validated sample on its way into the database. */
export interface NewSample {
  name: string;
  tags: Record<string, string>;
  source: string;
  /** Epoch ms. */
  ts: number;
  value: number;
}

/** A sample that was committed. */
export interface StoredSample {
  seriesId: number;
  name: string;
  tags: Record<string, string>;
  owner: string | null;
  member: string | null;
  /** Epoch ms. */
  ts: number;
  value: number;
  /** Seconds between timestamp and receipt. */
  lag: number;
  correlationId: string | null;
}

export interface SampleStore {
  /** Resolves after the commit; rejects with what PostgreSQL said, or StoreBusyError. */
  append(samples: readonly NewSample[], correlationId: string | null): Promise<void>;
  /** Samples that wait for their commit. */
  buffered(): number;
  /** Commits what waits, takes nothing more. */
  close(): Promise<void>;
}
