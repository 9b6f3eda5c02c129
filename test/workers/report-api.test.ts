import { pino } from 'pino';
import type { RestAnswer, RestRequest } from '../../platform/rest-client';
import type { ObservedResource } from '../../storage/states';
import { createReportApi } from '../../workers/report-api';

/** As the API answered before it named each field by itself, for a body with `moons` and an unknown part of a check. */
const OLDER = [
  { field: '', message: 'Unrecognized keys: "moons", "rings"' },
  { field: 'healthCheck', message: 'Unrecognized key: "colour"' },
];
const NOW = ['moons', 'rings', 'healthCheck.colour'].map((field) => {
  return { field, message: 'is no field that is known' };
});
const WEB = { resource: 'default/web', namespace: 'default', name: 'web' } as ObservedResource;
const BODY = { isRunning: true, moons: 1, rings: 2, healthCheck: { colour: 'red' } };

it.each([
  ['fields one by one', NOW],
  ['fields together, as before', OLDER],
])('an API that tells unknown %s is told the rest', async (_, problems) => {
  const bodies: unknown[] = [];
  const send = ({ body }: RestRequest): Promise<RestAnswer> => {
    bodies.push(body);
    const refused = { status: 422, body: { problems } };
    const taken = { status: 200, body: { changes: [], recorded: { kind: 'recorded' } } };
    const answer = bodies.length === 1 ? refused : taken;
    return Promise.resolve({ ...answer, retryAfterMs: null, requestId: '' });
  };
  const api = createReportApi(
    { send, host: 'a', logger: pino({ level: 'silent' }) },
    new AbortController().signal,
  );
  expect(await api.tell(WEB, BODY)).toEqual({ kind: 'taken', isCalm: true });
  expect(bodies).toEqual([BODY, { isRunning: true }]);
});
