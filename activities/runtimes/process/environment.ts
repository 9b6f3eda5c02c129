import { MARKERS } from '../../../domain/action/markers';
import { NOT_SHOWN } from '../../../domain/drift/change';
import { readEnvironment } from '../../../platform/procfs';
import { isSecretReference } from '../../../platform/secret-references';
import { createSecrets } from '../secrets';
import type { RunningProcess } from './find';

/** All that a process gets of the worker's own environment; the manifest may override each. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'USER'];

type Variables = Readonly<Record<string, string>>;

type Started = Pick<RunningProcess, 'pid' | 'variables'>;

export interface Environment {
  /** What a process gets: the basics and the manifest's variables, secrets resolved now. */
  resolve: (variables: Variables) => Promise<Record<string, string>>;
  /**
   * What a process has of the variables that the manifest names, or named at its start; null where
   * that cannot be read.
   */
  observe: (
    variables: Variables,
    started: Started,
  ) => Promise<Record<string, string | null> | null>;
}

export function createEnvironment(now: () => number): Environment {
  const secrets = createSecrets(now);

  async function told(
    name: string,
    { wanted, value, started }: { wanted: string; value: string | undefined; started: Started },
  ): Promise<string | null> {
    const isTellable = value === undefined || value === wanted;
    if (!isTellable && mayBeOtherSecret(started, name, wanted))
      return started.variables?.[name] ?? NOT_SHOWN;
    return secrets.shown(wanted, value);
  }

  return {
    resolve: async (variables) => ({ ...basics(), ...(await secrets.resolve(variables)) }),

    async observe(variables, started) {
      const present = readEnvironment(started.pid);
      // Some servers overwrite their environment with a process title; then nothing is known.
      if (present?.has(MARKERS.resource) !== true) return null;
      const observed = formerVariables(variables, started, present);
      for (const [name, wanted] of Object.entries(variables)) {
        observed[name] = await told(name, { wanted, value: present.get(name), started });
      }
      return observed;
    },
  };
}

/** Of those that the manifest names no longer. */
function formerVariables(
  variables: Variables,
  started: Started,
  present: ReadonlyMap<string, string>,
): Record<string, string | null> {
  const former = Object.entries(started.variables ?? {}).flatMap(([name, reference]) => {
    const value = present.get(name);
    return name in variables || value === undefined ? [] : [[name, reference ?? value] as const];
  });
  return Object.fromEntries(former);
}

/** Whether a variable may have the value of a secret that the manifest does not name by now. */
function mayBeOtherSecret({ variables }: Started, name: string, wanted: string): boolean {
  if (variables === null) return !isSecretReference(wanted);
  const reference = variables[name] ?? null;
  return reference !== null && reference !== wanted;
}

function basics(): Record<string, string> {
  return Object.fromEntries(
    INHERITED.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
