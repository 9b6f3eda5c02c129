import type { Logger } from './logger';

export interface Complaints {
  /** Logs what is wrong with a resource, unless that was the last word on it. */
  say: (resource: string, error: unknown) => void;
  /** It is right again, or not there any more. */
  end: (resource: string) => void;
  /** Of all others nothing is known any more. */
  keep: (resources: ReadonlySet<string>) => void;
}

/** What cannot be done for a resource, said once until it can or something else is wrong. */
export function createComplaints(logger: Logger, message: string): Complaints {
  const last = new Map<string, string>();
  return {
    say(resource, error) {
      const err = error instanceof Error ? error : new Error(String(error));
      if (last.get(resource) !== err.message) logger.error({ resource, err }, message);
      last.set(resource, err.message);
    },
    end: (resource) => last.delete(resource),
    keep(resources) {
      for (const key of last.keys()) if (!resources.has(key)) last.delete(key);
    },
  };
}
