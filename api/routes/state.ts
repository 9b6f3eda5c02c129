import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { desiredFacts, isReported } from '../../domain/drift/normalise';
import { resourceKey } from '../../domain/resource';
import { query } from '../../storage/database';
import { createObservationStore } from '../../storage/observations';
import { getState } from '../../storage/states-read';
import { changeAnswer, toChangeAnswer } from '../change-answer';
import type { ApiDeps } from '../deps';
import { plugin } from '../plugin';
import { conflict, notFound } from '../problems';
import { sha256 } from '../../platform/sha256';
import { findWatched, isStale, report } from '../report';
import { reportBody } from '../report-body';
import { timeAnswer, toTime, toTimeOrNull } from '../times';

const TAGS = ['drift'];
const params = z.object({ namespace: z.string(), name: z.string() });

const recordedAnswer = z.object({
  kind: z.enum(['recorded', 'skipped']),
  reason: z.string().optional().describe('`acting`: a step is changing it right now'),
  opened: z.array(z.string()).optional().describe('pointers that differ from now on'),
  resolved: z.array(z.string()).optional().describe('pointers that are as desired again'),
});

const reportAnswer = z.object({
  resource: z.string(),
  observedAt: timeAnswer,
  changes: z.array(changeAnswer),
  recorded: recordedAnswer,
});

const stateAnswer = z.object({
  resource: z.string(),
  revision: z.number(),
  host: z.string().nullable(),
  runtime: z.string(),
  desired: z.record(z.string(), z.unknown()).describe('facts of the manifest by JSON pointer'),
  overrides: z
    .array(z.object({ pointer: z.string(), value: z.unknown(), until: timeAnswer.nullable() }))
    .describe("what Vigil's own scaling put in the place of the manifest's values"),
  observed: z.record(z.string(), z.unknown()),
  changes: z.array(changeAnswer),
  observer: z.string().describe('`control`, or who reported it'),
  observedAt: timeAnswer,
  isStale: z.boolean().describe('nobody has seen it for longer than api.staleAfter'),
});

const observeAnswer = z.object({
  resource: z.string(),
  requested: z.boolean(),
  detail: z.string(),
});

/** Observed state: as Vigil's observers saw it, or as others report it. */
export function stateRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  const store = createObservationStore(deps.pool);
  return plugin((app) => {
    app.put(
      '/state/:namespace/:name',
      {
        schema: {
          tags: TAGS,
          summary: 'Report how a resource is that Vigil cannot look at itself',
          description:
            'For Services of runtime external, script and webhook, and for members on other hosts. Compared with the manifest at once; a field that is left out was not looked at.',
          params,
          body: reportBody,
          response: { 200: reportAnswer },
        },
      },
      async ({ params: { namespace, name }, body, actor, id }) => {
        const resource = resourceKey(namespace, name);
        const answer = await report(deps, store, { resource, body, actor, correlationId: id });
        return {
          resource,
          observedAt: toTime(answer.observedAt),
          changes: answer.changes.map(toChangeAnswer),
          recorded: answer.recorded,
        };
      },
    );

    app.get(
      '/state/:namespace/:name',
      {
        schema: {
          tags: TAGS,
          summary: 'How a resource is, how it should be, and how that differs',
          params,
          response: { 200: stateAnswer },
        },
      },
      async ({ params: { namespace, name } }) => describeState(deps, resourceKey(namespace, name)),
    );

    app.post(
      '/resources/:namespace/:name/observe',
      {
        schema: {
          tags: TAGS,
          summary: 'Have a resource looked at now; the answer comes before the look',
          params,
          response: { 202: observeAnswer },
        },
      },
      async ({ params: { namespace, name } }, reply) =>
        reply.code(202).send(await requestLook(deps, resourceKey(namespace, name))),
    );
  });
}

async function describeState(deps: ApiDeps, key: string): Promise<z.output<typeof stateAnswer>> {
  const { spec, overrides = [], host, revision, resource } = await findWatched(deps, key);
  const state = await getState(deps.pool, key);
  if (state === null) throw notFound(`nobody has seen ${key} yet`);
  return {
    ...{ resource, revision, host, runtime: spec.runtime.type },
    desired: Object.fromEntries(desiredFacts(spec, sha256).values),
    overrides: overrides.map(({ pointer, value, until }) => ({
      ...{ pointer, value, until: toTimeOrNull(until) },
    })),
    observed: { ...state.observed },
    changes: state.changes.map(toChangeAnswer),
    observer: state.observer,
    observedAt: toTime(state.observedAt),
    isStale: isStale(deps, state.observedAt),
  };
}

async function requestLook(deps: ApiDeps, key: string): Promise<z.output<typeof observeAnswer>> {
  const resource = await findWatched(deps, key);
  const { host, spec } = resource;
  if (isReported(spec)) {
    throw conflict(
      `runtime ${spec.runtime.type} cannot look at ${key}: whoever runs it reports its state (PUT /api/v1/state/${key})`,
      { reason: 'reported' },
    );
  }
  if (host !== null) {
    const detail = `the worker of host ${host} looks every few seconds by itself`;
    return { resource: key, requested: false, detail };
  }
  await query(deps.pool, `select pg_notify('vigil_observe', $1)`, [key]);
  return { resource: key, requested: true, detail: 'the observer of the control host was told' };
}
