import { MARKERS } from '../../../domain/action/markers';
import { TransientError } from '../../../domain/action/runtime';
import { readEnvironment } from '../../../platform/procfs';
import { isSecretReference, resolveSecret, SecretError } from '../../../platform/secret-references';

/** All that a process gets of the worker's own environment; the manifest may override each. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'USER'];

/** Observing must not run an `exec:` command more often than this. */
const EXEC_FRESH_MS = 60_000;

type Variables = Readonly<Record<string, string>>;

export interface Environment {
  /** What a process gets: the basics and the manifest's variables, secrets resolved now. */
  resolve: (variables: Variables) => Promise<Record<string, string>>;
  /** What a process has of the manifest's variables; null where that cannot be read. */
  observe: (variables: Variables, pid: number) => Promise<Record<string, string | null> | null>;
}

export function createEnvironment(now: () => number): Environment {
  const looked = new Map<string, { at: number; value: Promise<string> }>();

  function lookUp(reference: string, freshMs: number): Promise<string> {
    const known = looked.get(reference);
    if (known !== undefined && now() - known.at < freshMs) return known.value;
    const value = resolveSecret(reference);
    if (reference.startsWith('exec:')) looked.set(reference, { at: now(), value });
    return value;
  }

  /** A reference stands for itself while its value is right, so that no value leaves this host. */
  async function shown(wanted: string, present: string | undefined): Promise<string | null> {
    if (present === undefined || !isSecretReference(wanted)) return present ?? null;
    try {
      return (await lookUp(wanted, EXEC_FRESH_MS)) === present ? wanted : null;
    } catch {
      // Not to know is no difference: a restart could not resolve it either.
      return wanted;
    }
  }

  return {
    async resolve(variables) {
      const environment = basics();
      for (const [name, text] of Object.entries(variables)) {
        environment[name] = await lookUp(text, 0).catch((error: unknown) => {
          throw asStartError(name, error);
        });
      }
      return environment;
    },

    async observe(variables, pid) {
      const present = readEnvironment(pid);
      // Some servers overwrite their environment with a process title; then nothing is known.
      if (present?.has(MARKERS.resource) !== true) return null;
      const observed: Record<string, string | null> = {};
      for (const [name, wanted] of Object.entries(variables)) {
        observed[name] = await shown(wanted, present.get(name));
      }
      return observed;
    },
  };
}

function basics(): Record<string, string> {
  return Object.fromEntries(
    INHERITED.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function asStartError(variable: string, error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `environment variable ${variable}: ${reason}`;
  const isTransient = error instanceof SecretError && error.isTransient;
  return isTransient
    ? new TransientError(message, { cause: error })
    : new Error(message, { cause: error });
}
