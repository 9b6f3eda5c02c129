import { memberScope } from '../resource';
import type { GateFacts } from './gates';

export interface Pause {
  scope: string;
  reason: string;
  /** Epoch ms; null: until resumed. */
  until: number | null;
}

/**
 * The pause that covers a resource now: of everything, of a group or Service it is in, or its own;
 * null if none.
 *
 * @param groups keys of the groups it is in
 */
export function pauseOf(
  pauses: readonly Pause[],
  { resource, groups = [] }: { resource: string; groups?: readonly string[] },
  now: number,
): GateFacts['pause'] {
  const scopes = ['*', memberScope(resource), resource, ...groups];
  return (
    pauses.find((p) => scopes.includes(p.scope) && (p.until === null || p.until > now)) ?? null
  );
}

/** A file of this name in `VIGIL_HOME` stops every effect of the workers of that home, also offline. */
export const PAUSE_FILE = 'PAUSE';
