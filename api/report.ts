import { blameRevisions } from '../activities/attribution/git-hints';
import type { ObservedState } from '../domain/action/runtime';
import type { Change } from '../domain/drift/change';
import { compare, recalling, type Compared, type Explaining } from '../domain/drift/compare';
import { isReported } from '../domain/drift/normalise';
import { completed } from '../domain/drift/partial-report';
import { sha256 } from '../platform/sha256';
import type { Db } from '../storage/database';
import { recordObservation, type ObservationStore } from '../storage/observations';
import type { Recorded } from '../storage/observations';
import { getObserved, type ObservedResource } from '../storage/states';
import { getState, type StateRow } from '../storage/states-read';
import type { ApiDeps } from './deps';
import { MAX_AHEAD_MS } from './ingest/samples';
import { conflict, notFound, unprocessable } from './problems';
import { observedOf, type ReportBody } from './report-body';

/** What may come between reading what is known and writing what differs: a revision or an override, and another report. */
const MAX_TRIES: Partial<Record<string, number>> = { superseded: 3, overtaken: 100 };

interface ReportOptions {
  resource: string;
  body: ReportBody;
  /** Who reports. */
  actor: string;
  correlationId: string;
}

interface Reported {
  changes: Change[];
  recorded: Recorded;
  /** Epoch ms. */
  observedAt: number;
}

type WatchedResource = ObservedResource & { host: string | null };

/** The live resource with a manifest, or 404. */
export async function findWatched({ pool }: ApiDeps, resource: string): Promise<WatchedResource> {
  const found = await getObserved(pool, resource);
  if (found === null) throw notFound(`no manifest describes a resource ${resource}`);
  return found;
}

/** Whether somebody else than this control plane's own observer says how a resource is. */
function isToldByOthers({ host, spec }: WatchedResource): boolean {
  return host !== null || isReported(spec);
}

/**
 * Compares what somebody saw of a resource with its manifest and writes it down like an observation
 * of Vigil's own: state, drift, sample, audit. Throws 404, 409 and 422.
 */
export async function report(
  deps: ApiDeps,
  store: ObservationStore,
  options: ReportOptions,
): Promise<Reported> {
  const receivedAt = deps.now();
  const { body, actor, correlationId } = options;
  checkAge(deps, body.observedAt ?? receivedAt, receivedAt);
  // By a clock that is ahead, nobody else's report would be newer.
  const observedAt = Math.min(body.observedAt ?? receivedAt, receivedAt);
  const told = observedOf(body);
  for (let tries = 1; ; tries++) {
    const resource = await findWatched(deps, options.resource);
    checkReportable(resource, body);
    const { completes, ...compared } = await compareReport(deps, resource, told);
    const { changes } = compared;
    const recorded = await recordObservation(store, {
      ...{ resource, ...compared, observedAt, observer: actor },
      reported: { actor, correlationId, receivedAt, completes },
    });
    const reason = recorded.kind === 'skipped' ? recorded.reason : '';
    if (tries < (MAX_TRIES[reason] ?? 0)) continue;
    refuseSkipped(recorded, resource.resource);
    return { changes, recorded, observedAt };
  }
}

interface ComparedReport extends Compared {
  completes: string | null | undefined;
}

/** How a report differs from what is desired, read with what was known before; that is seldom all for a Service that only others see. */
async function compareReport(
  { pool }: ApiDeps,
  { resource, spec, overrides }: WatchedResource,
  told: ObservedState,
): Promise<ComparedReport> {
  const before = await getState(pool, resource);
  const input = { sha256, overrides, explain: await explaining(pool, resource, before) };
  if (!isReported(spec)) return { ...compare(spec, told, input), completes: undefined };
  const whole = before === null ? told : completed(told, before.observed);
  return { ...compare(spec, whole, input), completes: before?.version ?? null };
}

/** What explained a difference before does so still; else who changed what is desired since. */
async function explaining(
  db: Db,
  resource: string,
  before: StateRow | null,
): Promise<NonNullable<Explaining['explain']>> {
  if (before === null) return () => ({});
  const blamed = await blameRevisions(db, [{ resource, changed: before.changed }]);
  const [younger, older] = [blamed.get(resource), before.observed.attribution].map(recalling);
  return (changes) => ({ ...younger?.(changes), ...older?.(changes) });
}

function checkAge({ config }: ApiDeps, observedAt: number, now: number): void {
  const problem =
    observedAt > now + MAX_AHEAD_MS
      ? 'is more than 5 minutes ahead'
      : observedAt < now - config.retention
        ? 'is older than what is kept (epoch is in milliseconds)'
        : null;
  if (problem === null) return;
  throw unprocessable('the time of the observation cannot be taken', [
    { field: 'observedAt', message: problem },
  ]);
}

function checkReportable(resource: WatchedResource, { revision }: ReportBody): void {
  if (!isToldByOthers(resource)) {
    throw conflict(
      `Vigil itself observes ${resource.resource} (runtime ${resource.spec.runtime.type} on the control host): report Services of runtime external, script or webhook, and members on other hosts; to have it looked at now, POST /api/v1/resources/${resource.resource}/observe`,
      { reason: 'observed_by_vigil' },
    );
  }
  if (revision === undefined || revision === resource.revision) return;
  throw conflict(
    `${resource.resource} is at revision ${resource.revision} by now, not at ${revision}: read its manifest again`,
    { reason: 'superseded', revision: resource.revision },
  );
}

function refuseSkipped(recorded: Recorded, resource: string): void {
  if (recorded.kind === 'recorded') return;
  if (recorded.reason === 'superseded' || recorded.reason === 'overtaken') {
    throw conflict(
      `the manifest of ${resource} is changing, or many report it at once: report again`,
      {
        reason: 'superseded',
      },
    );
  }
  if (recorded.reason === 'stale') {
    throw conflict(`a newer observation of ${resource} is known already`, { reason: 'stale' });
  }
}

/** The time at which an observation counts as old; it is looked at, or told, far more often. */
export function isStale({ config, now }: ApiDeps, observedAt: number): boolean {
  return now() - observedAt > config.staleAfter;
}
