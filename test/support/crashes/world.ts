import type { ServiceSpec } from '../../../domain/resource';
import type { Step } from '../../../domain/policy/policy';

/** What can be told of an effect after a crash: it is found, it is not, or it may be repeated. */
export type Kind = 'inspectable' | 'opaque' | 'idempotent';

/** What one action works on, seen from outside Vigil. */
export interface Subject {
  spec: Partial<ServiceSpec>;
  step: Step;
  /** Real effects since it was made. */
  effects: () => number | Promise<number>;
  /** The effect has begun in the world. */
  isUnderWay: () => boolean | Promise<boolean>;
  /** An effect that waits in its middle goes on. */
  letGo: () => void;
  remove: () => void | Promise<void>;
}

/** A runtime with what its effects are counted by. */
export interface World {
  column: string;
  kind: Kind;
  /** How an effect of it is counted, for the table. */
  counted: string;
  /** @param waits the effect stops in its middle until `letGo` */
  make: (name: string, options: { home: string; waits: boolean }) => Promise<Subject>;
}
