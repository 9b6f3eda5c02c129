import { matchesSelector, newestIndex } from '../../domain/policy/series';
import { selectorsOf } from '../../domain/policy/selectors';
import type { ValueExpression } from '../../domain/policy/ast';
import { printPromDuration } from './duration';
import { printValue } from './go-format';
import type { Failure, TestResult } from './report';
import { EvaluationError, RuleClock, type ActiveAlert } from './rule-clock';
import { readRules, type RuleGroup } from './rule-file';
import { printSeriesName, type SeriesName } from './series-notation';
import { seriesKey } from './series-store';
import type { AlertTest, ExpectedSample, PromTest, PromTestFile, ValueTest } from './test-file';
import type { RunContext } from './sources';

/** Reads the rules that a file of tests names, and runs its tests; no test runs while there are problems. */
export function runPromTests(
  file: PromTestFile,
  { find, filter, problems }: Pick<RunContext, 'find' | 'filter' | 'problems'>,
): TestResult[] {
  const groups = file.ruleFiles.flatMap(({ pattern, place }) => {
    const found = find(pattern);
    if (found.length === 0) {
      const message = `no file matches ${JSON.stringify(pattern)}`;
      problems.push({ ...place, message, severity: 'warning' });
    }
    return found.flatMap((one) => readRules(one.text, one.file, problems));
  });
  if (problems.some(({ severity }) => severity === 'error')) return [];
  const ordered = inOrder(groups, file.groupOrder);
  return file.tests
    .filter(({ name }) => filter(name))
    .map((test) => ({
      name: test.name,
      place: test.place,
      failures: runTest(test, ordered, file),
    }));
}

/** Groups that the order does not name stay where they are, before the second that it names. */
function inOrder(groups: readonly RuleGroup[], order: readonly string[]): RuleGroup[] {
  const rank = (group: RuleGroup): number => Math.max(order.indexOf(group.name), 0);
  return [...groups].sort((a, b) => rank(a) - rank(b));
}

function runTest(
  test: PromTest,
  groups: readonly RuleGroup[],
  { evaluationMs: tickMs, isFuzzy }: PromTestFile,
): Failure[] {
  const clock = new RuleClock(test, groups, { tickMs, writesAlerts: readsAlerts(test, groups) });
  const times = [...test.alertTests, ...test.valueTests].map(({ atMs }) => atMs);
  const last = Math.max(0, ...times);
  const failures: Failure[] = [];
  for (let at = 0; at <= last; at += tickMs) {
    try {
      clock.tick(test.startMs + at);
      // An alert is looked at as it was at the tick before.
      const due = test.alertTests.filter(({ atMs }) => at <= atMs && atMs < at + tickMs);
      const checked = due.map((one) => checkAlerts(one, clock, test.startMs + at));
      failures.push(...checked.flat());
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      failures.push(evaluationFailed(error, at));
      return failures;
    }
  }
  const checked = test.valueTests.map((one) =>
    checkValue(one, clock, { now: test.startMs + one.atMs, isFuzzy }),
  );
  return [...failures, ...checked.flat()].sort((a, b) => a.place.line - b.place.line);
}

/** Whether a text names the series that Prometheus writes beside its alerts. */
function readsAlerts(test: PromTest, groups: readonly RuleGroup[]): boolean {
  const expressions = [
    ...test.valueTests.map(({ expression }) => expression),
    ...groups.flatMap(({ rules }) => rules.map(({ expression }) => expression)),
  ];
  return expressions.some((expression) =>
    selectorsOf(expression).some(({ metric }) => /^(ALERTS(_FOR_STATE)?)?$/.test(metric)),
  );
}

function evaluationFailed({ rule, message }: EvaluationError, at: number): Failure {
  const subject = `rule ${rule.name} cannot be evaluated at ${printPromDuration(at)}`;
  return {
    place: rule.place,
    subject,
    expected: ['one value for each label set'],
    got: [message],
    because: [],
  };
}

function checkAlerts(wanted: AlertTest, clock: RuleClock, now: number): Failure[] {
  const { alertname } = wanted;
  const active = clock.activeAlerts(alertname, now);
  const expected = wanted.expected.map((alert) =>
    printAlert({ ...alert, labels: { ...alert.labels, alertname } }),
  );
  const got = active.filter(({ isFiring }) => isFiring).map(printAlert);
  const order = (blocks: string[][]): string[] =>
    blocks.sort((a, b) => (a.join() < b.join() ? -1 : 1)).flat();
  if (order(expected).join('\n') === order(got).join('\n')) return [];
  return [
    {
      place: wanted.place,
      subject: `alert ${alertname} at ${printPromDuration(wanted.atMs)}`,
      expected: order(expected),
      got: order(got),
      because: whyAlerts(wanted, active, { clock, now }),
    },
  ];
}

function printAlert({
  labels,
  annotations,
}: Pick<ActiveAlert, 'labels' | 'annotations'>): string[] {
  const notes = Object.entries(annotations)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text]) => `  ${name}: ${JSON.stringify(text)}`);
  return [printSeriesName({ name: '', labels }), ...notes];
}

function whyAlerts(
  { alertname }: AlertTest,
  active: readonly ActiveAlert[],
  { clock, now }: { clock: RuleClock; now: number },
): string[] {
  const rules = clock.alertRules(alertname);
  if (rules.length === 0) return [`no rule has the name ${alertname}`];
  if (active.length === 0) {
    return rules.flatMap(({ text, expression }) => [
      `${oneLine(text)} matches nothing`,
      ...readings(expression, clock, now),
    ]);
  }
  return active.map(({ labels, isFiring, since, rule }) => {
    const state = isFiring ? 'firing' : 'pending';
    const held = printPromDuration(now - since);
    const forMs = printPromDuration(rule.forMs);
    return `${printSeriesName({ name: '', labels })} is ${state}: true for ${held} of ${forMs}`;
  });
}

function oneLine(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}

const MAX_READINGS = 5;

/** The newest sample of each series that an expression reads. */
function readings(expression: ValueExpression, clock: RuleClock, now: number): string[] {
  const selectors = selectorsOf(expression);
  const read = clock
    .series()
    .filter((one) => selectors.some((selector) => matchesSelector(selector, one)));
  const lines = read.slice(0, MAX_READINGS).map(({ name, tags, samples }) => {
    const sample = samples[newestIndex(samples, now, Infinity)];
    const series = printSeriesName({ name, labels: tags });
    if (sample === undefined) return `${series} has no sample yet`;
    const age = printPromDuration(now - sample.ts);
    const value = sample.isStale === true ? 'ended' : `was ${printValue(sample.value)}`;
    return `${series} ${value} ${age} before`;
  });
  if (read.length === 0 && selectors.length > 0) return ['no series that it reads exists'];
  const more = read.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more series`] : lines;
}

interface Moment {
  now: number;
  isFuzzy: boolean;
}

function checkValue(wanted: ValueTest, clock: RuleClock, { now, isFuzzy }: Moment): Failure[] {
  const got = clock.query(wanted.expression, now).map(({ name, labels, value }) => ({
    name: name ?? '',
    labels: { ...labels },
    value,
  }));
  const expected = [...wanted.expected].sort(bySeries);
  got.sort(bySeries);
  if (areSame(expected, got, isFuzzy)) return [];
  return [
    {
      place: wanted.place,
      subject: `${oneLine(wanted.text)} at ${printPromDuration(wanted.atMs)}`,
      expected: expected.map(printSample),
      got: got.map(printSample),
      because: readings(wanted.expression, clock, now),
    },
  ];
}

function bySeries(a: SeriesName, b: SeriesName): number {
  return seriesKey(a.name, a.labels) < seriesKey(b.name, b.labels) ? -1 : 1;
}

function areSame(
  expected: readonly ExpectedSample[],
  got: readonly ExpectedSample[],
  isFuzzy: boolean,
): boolean {
  if (expected.length !== got.length) return false;
  return expected.every((one, i) => {
    const other = got[i];
    if (other === undefined) return false;
    const isSameSeries = seriesKey(one.name, one.labels) === seriesKey(other.name, other.labels);
    return isSameSeries && isSameValue(one.value, other.value, isFuzzy);
  });
}

function isSameValue(a: number, b: number, isFuzzy: boolean): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  return isFuzzy && isNeighbour(a, b);
}

/** Whether the two differ in the last bit only. */
function isNeighbour(a: number, b: number): boolean {
  const bits = new BigInt64Array(new Float64Array([a, b]).buffer);
  const [first = 0n, second = 0n] = bits;
  const distance = first - second;
  return Number.isFinite(a) && Number.isFinite(b) && distance * distance === 1n;
}

function printSample({ name, labels, value }: ExpectedSample): string {
  return `${printSeriesName({ name, labels })} ${shortest(value)}`;
}

/** Every digit that tells values apart. */
function shortest(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
