import type { ObservedState } from '../domain/action/runtime';
import type { Change } from '../domain/drift/change';
import type { ObservedResource } from './states';

export interface Observation {
  resource: ObservedResource;
  observed: ObservedState;
  changes: readonly Change[];
  /** The host it was seen from; `control` for the control host. */
  observer: string;
  /** Epoch ms. */
  observedAt: number;
  /** Of what was not seen by an observer of Vigil's own but told by others. */
  reported?: Reported;
}

/** Who told what was seen, and when that came in (epoch ms). */
export interface Reported {
  actor: string;
  correlationId: string | null;
  receivedAt: number;
  /** It was known already, and is compared with another manifest now: what begins or ends does so now. */
  isKnown?: true;
  /** Of a report that was completed with what was known before it: its version; null: nothing was. */
  completes?: string | null | undefined;
}

/** From when on what it differs in counts. */
export function comparedAt({ observedAt, reported }: Observation): number {
  return reported?.isKnown === true ? reported.receivedAt : observedAt;
}
