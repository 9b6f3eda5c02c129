import { TransientError } from '../../domain/action/runtime';
import { NOT_SHOWN } from '../../domain/drift/change';
import { isSecretReference, resolveSecret, SecretError } from '../../platform/secret-references';

/** Observing must not run an `exec:` command more often than this. */
const EXEC_FRESH_MS = 60_000;

type Variables = Readonly<Record<string, string>>;

/** What secret references among variables stand for, on this host. */
export interface Secrets {
  /** The variables with their references resolved now; throws the error of a start that names the variable. */
  resolve: (variables: Variables) => Promise<Record<string, string>>;
  /** A reference stands for itself while its value is right: no value of a secret leaves this host. */
  shown: (wanted: string, present: string | undefined) => Promise<string | null>;
}

export function createSecrets(now: () => number): Secrets {
  const looked = new Map<string, { at: number; value: Promise<string> }>();

  function lookUp(reference: string, freshMs: number): Promise<string> {
    const known = looked.get(reference);
    if (known !== undefined && now() - known.at < freshMs) return known.value;
    const value = resolveSecret(reference);
    if (reference.startsWith('exec:')) looked.set(reference, { at: now(), value });
    return value;
  }

  return {
    async resolve(variables) {
      const resolved: [string, string][] = [];
      for (const [name, text] of Object.entries(variables)) {
        const value = await lookUp(text, 0).catch((error: unknown) => {
          throw asStartError(name, error);
        });
        resolved.push([name, value]);
      }
      return Object.fromEntries(resolved);
    },

    async shown(wanted, present) {
      if (present === undefined || !isSecretReference(wanted)) return present ?? null;
      try {
        return (await lookUp(wanted, EXEC_FRESH_MS)) === present ? wanted : NOT_SHOWN;
      } catch {
        // Not to know is no difference: what is started anew could not resolve it either.
        return wanted;
      }
    },
  };
}

function asStartError(variable: string, error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `environment variable ${variable}: ${reason}`;
  const isTransient = error instanceof SecretError && error.isTransient;
  return isTransient
    ? new TransientError(message, { cause: error })
    : new Error(message, { cause: error });
}
