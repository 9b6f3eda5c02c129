import type { Policy } from '../../domain/policy/policy';
import { condition as whole } from '../support/conditions';
import { policy, service } from '../support/manifest-objects';
import { createHarness, type Harness, type TestSample } from './harness';

/** What the language can say, through the detector on a real database. */

let h: Harness;
beforeEach(async () => {
  h = await createHarness();
});
afterEach(() => h.close());

const watched = (name: string) => service(name, { sync: { mode: 'detect', cooldownMs: 0 } });
const failing = (changes: Partial<Policy>) =>
  policy('failing', { target: { name: 'web', labels: {} }, ...changes });
const sample = (name: string, value: number, changes: Partial<TestSample> = {}): TestSample => ({
  resource: 'web',
  name,
  value,
  ...changes,
});

test('a condition over a window is judged with every sample in it', async () => {
  await h.apply([watched('web'), failing({ condition: whole('avg_over_time(errors[1m]) > 5') })]);
  await h.start();
  const now = Date.now();
  await h.ingest([
    sample('errors', 4, { ts: now - 2000 }),
    sample('errors', 4, { ts: now - 1000 }),
  ]);
  await h.verdictIs('default/web', 'false');
  await h.ingest([sample('errors', 10, { ts: now })]);
  expect(await h.verdictIs('default/web', 'true')).toMatchObject({ value: 6, since: now });
});

test('a condition that names another resource is judged by its samples', async () => {
  const text = 'db_up{resource="db"} == 0';
  await h.apply([watched('web'), watched('db'), failing({ condition: whole(text) })]);
  await h.start();
  await h.ingest([sample('db_up', 0)]);
  await h.ingest([sample('db_up', 1, { resource: 'db' })]);
  await h.verdictIs('default/web', 'false');
  await h.ingest([sample('db_up', 0, { resource: 'db', ts: Date.now() })]);
  await h.verdictIs('default/web', 'true');
});

test('it is found again by a detector that starts later', async () => {
  const text = 'sum by (namespace) (db_up{resource=~".+"}) < 2';
  await h.apply([watched('web'), watched('db'), failing({ condition: whole(text) })]);
  const silent = h.silentStore();
  await h.ingest([sample('db_up', 1, { resource: 'db' }), sample('db_up', 0)], silent);
  await h.start();
  expect(await h.verdictIs('default/web', 'true')).toMatchObject({ value: 1 });
});

test('a true verdict that grows more severe is told, with its new severity', async () => {
  const condition = whole('errors > 5');
  const grades = [{ severity: 'critical' as const, expression: whole('errors > 50').expression }];
  await h.apply([watched('web'), failing({ condition, grades })]);
  await h.start();
  const since = Date.now();
  await h.ingest([sample('errors', 9, { ts: since })]);
  const mild = await h.verdictIs('default/web', 'true');
  await h.ingest([sample('errors', 90, { ts: since + 1 })]);
  const severities = await h.rowsUntil<{ severity: string; version: number; since: number }>(
    `select severity, version, since from verdicts where severity = 'critical'`,
  );
  expect(severities).toEqual([
    { severity: 'critical', version: expect.any(Number) as number, since: mild.since },
  ]);
  expect(severities[0]?.version).toBeGreaterThan(mild.version);
});

test('what has fired stays true until it clears', async () => {
  const condition = { ...whole('errors > 5'), clear: whole('errors < 2').expression };
  await h.apply([watched('web'), failing({ condition })]);
  await h.start();
  const ts = Date.now();
  await h.ingest([sample('errors', 9, { ts })]);
  await h.verdictIs('default/web', 'true');
  await h.ingest([sample('errors', 4, { ts: ts + 1 }), sample('other', 1)]);
  await h.ingest([sample('errors', 3, { ts: ts + 2 })]);
  expect(await h.verdict('default/web')).toMatchObject({ verdict: 'true', since: ts });
  await h.ingest([sample('errors', 1, { ts: ts + 3 })]);
  await h.verdictIs('default/web', 'false');
});
