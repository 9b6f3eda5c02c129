import type { ExecuteRequest, ObservedState, Snapshot, StepResult } from './runtime';

/** What runtimes share that cannot see into what they act on: `script` and `webhook`. */

/** Nothing is observed of it, so that nothing can drift. */
export const UNSEEN: ObservedState = {
  isUnseen: true,
  ...{ identity: null, isRunning: true, isAbsent: false },
  ...{ command: null, env: null, config: [] },
};

/** Longer identities are replaced by their checksum. */
const MAX_IDENTITY = 200;

/** The identity that a person's own command or endpoint told; null: it told none. */
export function toldIdentity(text: string, sha256: (text: string) => string): Snapshot['identity'] {
  const told = text.trim();
  if (told === '') return null;
  return told.length <= MAX_IDENTITY ? told : `sha256:${sha256(told)}`;
}

/**
 * What is known of a step that was begun, on a runtime that nobody can see into: it may be repeated
 * if it is declared idempotent; it was done if the told identity is another than before; else nobody
 * can tell. A resource that tells no identity any more may be in the middle of it.
 */
export function foundByIdentity(
  { snapshot }: Pick<ExecuteRequest, 'snapshot'>,
  { idempotent, identity }: { idempotent: boolean; identity: Snapshot['identity'] },
): StepResult | null | 'unknowable' {
  if (identity !== null && identity !== snapshot.identity) {
    const before = snapshot.identity ?? 'none';
    return { identity, summary: `was done: its identity went from ${before} to ${identity}` };
  }
  return idempotent ? null : 'unknowable';
}

const OWN_VERB = /^[a-z][a-z0-9_-]{0,62}$/;

/** Whether a name can be a verb of a person's own: in the form of the built-in ones. */
export function isOwnVerb(name: string): boolean {
  return OWN_VERB.test(name);
}

/** What is wrong with the verbs that a Service names; each with the name it is about, null for all. */
export function ownVerbFaults(
  names: readonly string[],
): { name: string | null; message: string }[] {
  if (names.length === 0) return [{ name: null, message: 'must name at least one action' }];
  return names
    .filter((name) => !isOwnVerb(name))
    .map((name) => ({
      name,
      message: 'must be named in lower-case letters, digits, "_" and "-", beginning with a letter',
    }));
}
