import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Runtime } from '../domain/action/runtime';
import { BACKOFF_MS } from '../domain/action/backoff';
import { TRUST_LIMITS, type TrustLimits } from '../domain/action/trust';
import type { Logger } from '../platform/logger';
import { EXECUTE_TIMEOUT_MS } from '../workflows/contract';

export interface ActivityDeps {
  pool: Pool;
  temporal: Client;
  logger: Logger;
  /** By runtime type. */
  runtimes: ReadonlyMap<string, Runtime>;
  /** `VIGIL_HOME`: a file PAUSE in it stops every effect of this worker. */
  home: string;
  /** Reads the key of the decisions' HMAC, so that a rotated key works without a restart. */
  approvalKey: () => string;
  /** Base of the API as people reach it; without it notices carry no links. */
  publicUrl?: string;
  /** Plain approve, reject and cancel signals are accepted. */
  allowUnsignedSignals: boolean;
  /** The server has Vigil's search attributes. */
  hasSearchAttributes: boolean;
  constants: ActivityConstants;
}

/** Durations that tests shorten, ms. */
export interface ActivityConstants {
  backoff: readonly number[];
  /** How long a request must stand before the reaper asks for its workflow. */
  reapAfterMs: number;
  /** `execute`'s start-to-close: a begun effect may still happen until it has passed. */
  executeTimeoutMs: number;
  /** Samples older than this are dropped. */
  retentionMs: number;
  /** When fixes count as false, and how many are too many. */
  trust: TrustLimits;
}

export const DEFAULT_CONSTANTS: ActivityConstants = {
  backoff: BACKOFF_MS,
  reapAfterMs: 30_000,
  executeTimeoutMs: EXECUTE_TIMEOUT_MS,
  retentionMs: 30 * 86_400_000,
  trust: TRUST_LIMITS,
};
