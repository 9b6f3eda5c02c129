import { z } from 'zod';
import type { ServiceSpec } from '../domain/resource';
import type { Logger } from '../platform/logger';
import { reasonOf, type RestAnswer, type RestClient } from '../platform/rest-client';
import type { ObservedResource } from '../storage/states';

const listAnswer = z.object({
  items: z.array(
    z.looseObject({
      ...{ resource: z.string(), namespace: z.string(), name: z.string(), service: z.string() },
      ...{ revision: z.number(), createdRevision: z.number() },
      spec: z.custom<ServiceSpec>((given) => typeof given === 'object' && given !== null),
    }),
  ),
});

const putAnswer = z.looseObject({
  changes: z.array(z.unknown()),
  recorded: z.looseObject({ kind: z.string() }),
});

const problem = z.looseObject({
  reason: z.string().optional(),
  detail: z.string().optional(),
  problems: z.array(z.looseObject({ field: z.string(), message: z.string() })).optional(),
});

export type Told =
  | { kind: 'taken'; isCalm: boolean }
  /** `acting`: a step is changing it; `stale`: somebody told something newer. */
  | { kind: 'superseded' | 'acting' | 'stale' | 'away' };

export interface ReportApi {
  /** Null: it gives no answer. */
  list: () => Promise<ObservedResource[] | null>;
  /** Throws what the API does not understand. */
  tell: (resource: ObservedResource, body: object) => Promise<Told>;
}

export interface ReportApiOptions {
  send: RestClient;
  host: string;
  logger: Logger;
}

/** The API as the reporter needs it; that it is away, and that it is back, is said once. */
export function createReportApi(
  { send, host, logger }: ReportApiOptions,
  signal: AbortSignal,
): ReportApi {
  let isAway = false;
  const leftOut = new Set<string>();

  function away(reason: string): void {
    if (!isAway && !signal.aborted)
      logger.warn({ reason }, 'the API takes no reports, trying again');
    isAway = true;
  }

  async function ask(request: Parameters<RestClient>[0]): Promise<RestAnswer | null> {
    const answer = await send({ ...request, signal }).catch((error: unknown) => {
      away(reasonOf(error));
      return null;
    });
    if (answer === null) return null;
    const isRefused = answer.status === 401 || answer.status === 403 || answer.status === 429;
    if (isRefused || answer.status >= 500) {
      away(`it answered ${answer.status} ${problem.safeParse(answer.body).data?.detail ?? ''}`);
      return null;
    }
    if (isAway) logger.info('the API takes reports again');
    isAway = false;
    return answer;
  }

  /** Whatever an older API knows is told to it. */
  async function askLeniently(path: string, body: object): Promise<RestAnswer | null> {
    const answer = await ask({ method: 'PUT', path, body });
    const unknown = answer === null ? [] : unknownFields(answer);
    if (unknown.length === 0) return answer;
    if (unknown.some((field) => !leftOut.has(field)))
      logger.warn({ fields: unknown }, 'the API is older than this worker, left out of reports');
    for (const field of unknown) leftOut.add(field);
    const known = Object.entries(body).filter(([field]) => !unknown.includes(field));
    return ask({ method: 'PUT', path, body: Object.fromEntries(known) });
  }

  return {
    async list() {
      const path = `/api/v1/hosts/${encodeURIComponent(host)}/resources`;
      const answer = await ask({ method: 'GET', path });
      if (answer === null) return null;
      const parsed = listAnswer.safeParse(answer.body);
      if (parsed.success) return parsed.data.items;
      away(`what answers is no API of this version (${answer.status})`);
      return null;
    },
    async tell({ namespace, name }, body) {
      const path = `/api/v1/state/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
      const answer = await askLeniently(path, body);
      return answer === null ? { kind: 'away' } : toldBy(answer);
    },
  };
}

/** Of each such field; before this version of the API `Unrecognized keys: "ports", "volumes"` of where they are. */
const UNKNOWN = /^(?:is no field that is known|Unrecognized keys?: "(.+)")$/;

/** Those of a report that an older API refuses; none where it refuses the report for something else, too. */
function unknownFields({ status, body }: RestAnswer): string[] {
  if (status !== 422) return [];
  const { problems = [] } = problem.safeParse(body).data ?? {};
  const found = problems.map(({ field, message }) => {
    const match = UNKNOWN.exec(message);
    if (match === null || /^(config|attribution)\b/.test(field)) return null;
    // Of a field whose parts it does not know, the whole is left out: a half would be another value. Files and
    // causes that are left out would say that there are none.
    return field === '' ? match[1]?.split('", "') : [field.split('.')[0] ?? field];
  });
  return found.includes(null) ? [] : [...new Set(found.flatMap((names) => names ?? []))];
}

function toldBy({ status, body }: RestAnswer): Told {
  const taken = putAnswer.safeParse(body);
  if (status === 200 && taken.success) {
    const { changes, recorded } = taken.data;
    if (recorded.kind !== 'recorded') return { kind: 'acting' };
    return { kind: 'taken', isCalm: changes.length === 0 };
  }
  const { reason, detail, problems = [] } = problem.safeParse(body).data ?? {};
  if (reason === 'superseded' || status === 404) return { kind: 'superseded' };
  if (reason === 'stale') return { kind: 'stale' };
  const fields = problems.map(({ field, message }) => `${field} ${message}`).join('; ');
  throw new Error(`the API answered ${status}: ${detail ?? ''} ${fields}`.trim());
}
