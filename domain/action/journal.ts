import type { Snapshot, StepResult } from './runtime';

/**
 * The seam between an effect and its memory: what was begun and what ended, by (action, step), and
 * the highest fencing token obeyed per target. In PostgreSQL on the control queue, in files on a host.
 */

export interface StepKey {
  actionId: string;
  step: number;
}

export interface JournalKey extends StepKey {
  target: string;
  token: number;
}

export type JournalEntry =
  /** A higher token was obeyed on this target: the caller must not act. */
  | { kind: 'stale'; highest: number }
  | { kind: 'fresh' }
  /** The snapshot is the first one: a later look must not change the aim. */
  | { kind: 'begun'; snapshot: Snapshot }
  /** Null: a restore that had nothing to bring back. */
  | { kind: 'ended'; result: StepResult | null };

export interface Journal {
  /**
   * Runs `work` while nobody else, in this or another process, holds the same target; the lock goes
   * with the process. Throws when it is not had within `waitMs`, or is not wanted any more.
   */
  withTargetLock: <T>(
    target: string,
    options: { waitMs: number; signal?: AbortSignal },
    work: () => Promise<T>,
  ) => Promise<T>;
  /** Obeys the fencing token and writes down, durably, that the step begins. Call it under the lock. */
  begin: (key: JournalKey, snapshot: Snapshot) => Promise<JournalEntry>;
  /** Writes down the result; from now on the step is never done again. */
  end: (key: JournalKey, result: StepResult | null) => Promise<void>;
  /** The snapshot that a step began with; null: it never began. */
  snapshotOf: (key: StepKey) => Promise<Snapshot | null>;
  /** The highest token obeyed on a target; 0: none. */
  fence: (target: string) => Promise<number>;
}

/** Restores are journaled beside their steps. */
const RESTORE_OFFSET = 1000;

export function restoreStep(step: number): number {
  return RESTORE_OFFSET + step;
}
