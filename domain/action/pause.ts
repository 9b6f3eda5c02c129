import { memberScope } from '../resource';
import type { GateFacts } from './gates';

export interface Pause {
  scope: string;
  reason: string;
  /** Epoch ms; null: until resumed. */
  until: number | null;
}

/** The pause that covers a resource now: of everything, of its Service, or its own; null if none. */
export function pauseOf(
  pauses: readonly Pause[],
  resource: string,
  now: number,
): GateFacts['pause'] {
  const scopes = ['*', memberScope(resource), resource];
  return (
    pauses.find((p) => scopes.includes(p.scope) && (p.until === null || p.until > now)) ?? null
  );
}

/** A file of this name in `VIGIL_HOME` stops every effect of the workers of that home, also offline. */
export const PAUSE_FILE = 'PAUSE';
