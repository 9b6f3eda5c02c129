import { assessElements, type ElementVerdict } from '../../domain/policy/evaluate';
import { instantValue, type InstantSample } from '../../domain/policy/instant';
import type { ValueExpression } from '../../domain/policy/ast';
import { parseValue } from '../expression/parser';
import type { GoSample } from './go-format';
import type { AlertRule, RecordRule, Rule, RuleGroup } from './rule-file';
import { seriesKey, SeriesStore, type Turn } from './series-store';
import { FunctionError } from './template-functions';
import type { SequenceValue } from './series-notation';
import type { InputSeries, PromTest } from './test-file';

/** Prometheus' lookback. */
const STALENESS_MS = 300_000;

/** A rule whose answer is none, as Prometheus says it: evaluation ends there. */
export class EvaluationError extends Error {
  readonly rule: Rule;

  constructor(rule: Rule, message: string) {
    super(message);
    this.rule = rule;
  }
}

/** One label set of an alerting rule that is true. */
export interface ActiveAlert {
  rule: AlertRule;
  isFiring: boolean;
  /** Epoch ms. */
  since: number;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

interface Turned {
  rule: Rule;
  turn: Turn;
  /** What the rule wrote at the last tick, by key. */
  written: Map<string, Series>;
}

interface Series {
  name: string;
  labels: Record<string, string>;
}

/**
 * The rules of one test on its clock: at each tick samples arrive, recording rules write series, and
 * alerts are asked for with Vigil's own evaluator.
 */
export class RuleClock {
  private readonly store = new SeriesStore();
  private readonly rules: Turned[];
  private readonly input: { series: InputSeries; next: number }[];
  private readonly test: PromTest;
  private readonly tickMs: number;
  private readonly writesAlerts: boolean;

  constructor(
    test: PromTest,
    groups: readonly RuleGroup[],
    options: { tickMs: number; writesAlerts: boolean },
  ) {
    this.test = test;
    this.tickMs = options.tickMs;
    this.writesAlerts = options.writesAlerts;
    const rules = groups.flatMap((group) => group.rules);
    this.rules = rules.map((rule, turn) => ({ rule, turn, written: new Map() }));
    // Of a series that is given twice the last one counts.
    const unique = new Map(test.series.map((one) => [seriesKey(one.name, one.labels), one]));
    this.input = [...unique.values()].map((series) => ({ series, next: 0 }));
  }

  /** Everything that happens up to a tick, at the tick included. */
  tick(now: number): void {
    for (const one of this.input) this.load(one, now);
    for (const turned of this.rules) {
      if (turned.rule.kind === 'record') this.write(turned, this.recorded(turned, now), now);
      else if (this.writesAlerts) this.write(turned, alertSeries(this.alerts(turned, now)), now);
    }
  }

  /** Everything that is active of the alerting rules of that name. */
  activeAlerts(alertname: string, now: number): ActiveAlert[] {
    return this.rules
      .filter(({ rule }) => rule.kind === 'alert' && rule.name === alertname)
      .flatMap((turned) => this.alerts(turned, now));
  }

  alertRules(alertname: string): AlertRule[] {
    return this.rules
      .map(({ rule }) => rule)
      .filter((rule): rule is AlertRule => rule.kind === 'alert' && rule.name === alertname);
  }

  query(expression: ValueExpression, now: number): InstantSample[] {
    return this.valueOf(expression, null, now);
  }

  /** Every series as it is now. */
  series(): ReturnType<SeriesStore['seenBy']> {
    return this.store.seenBy(null);
  }

  private load(one: { series: InputSeries; next: number }, now: number): void {
    const { series } = one;
    for (; one.next < series.values.length; one.next += 1) {
      const ts = this.test.startMs + one.next * this.test.intervalMs;
      if (ts > now) return;
      const value = series.values[one.next];
      if (value === undefined || value === 'missing') continue;
      this.store.append(series, { ts, value: numberOf(value), writer: null });
    }
  }

  private valueOf(expression: ValueExpression, turn: Turn | null, now: number): InstantSample[] {
    const series = this.store.seenBy(turn);
    const value = instantValue(expression, { series, stalenessMs: STALENESS_MS }, now);
    if (value.kind === 'vector') return value.samples;
    return [{ name: null, labels: {}, value: value.value }];
  }

  private recorded({ rule, turn }: Turned, now: number): [Series, number][] {
    const { name, labels } = rule as RecordRule;
    const rows = this.valueOf(rule.expression, turn, now).map((sample): [Series, number] => [
      { name, labels: withLabels(sample.labels, labels) },
      sample.value,
    ]);
    if (areDistinct(rows.map(([series]) => series))) return rows;
    throw new EvaluationError(rule, TWICE);
  }

  /** Writes what a rule says now; what it no longer says ends. */
  private write(turned: Turned, rows: readonly [Series, number][], now: number): void {
    const written = new Map<string, Series>();
    for (const [series, value] of rows) {
      written.set(seriesKey(series.name, series.labels), series);
      this.store.append(series, { ts: now, value, writer: turned.turn });
    }
    for (const [key, series] of turned.written) {
      if (!written.has(key)) {
        this.store.append(series, { ts: now, value: null, writer: turned.turn });
      }
    }
    turned.written = written;
  }

  private alerts({ rule, turn }: Turned, now: number): ActiveAlert[] {
    if (rule.kind !== 'alert') return [];
    const elements = this.elements(rule, turn, now).filter(({ verdict }) => verdict === 'true');
    const active = elements.map((element) => this.activeAlert({ rule, turn }, element, now));
    const results = this.valueOf(rule.expression, turn, now);
    if (areDistinct(results) && areDistinct(active)) return active;
    throw new EvaluationError(rule, TWICE);
  }

  private elements(rule: AlertRule, turn: Turn, now: number): ElementVerdict[] {
    const { expression: operand, forMs, keepFiringMs } = rule;
    const expression = { kind: 'present', at: 0, operand } as const;
    const kept = keepFiringMs > 0 ? { keepFiringMs } : {};
    return assessElements(
      { expression, forMs, ...kept },
      {
        series: this.store.seenBy(turn),
        now,
        intervalMs: null,
        previous: null,
        stalenessMs: STALENESS_MS,
        tickMs: this.tickMs,
        ticksFrom: this.test.startMs,
        countsNeverSeen: true,
      },
    );
  }

  private activeAlert(
    { rule, turn }: { rule: AlertRule; turn: Turn },
    element: ElementVerdict,
    now: number,
  ): ActiveAlert {
    const seen = this.lastSeen({ rule, turn }, element, now);
    const data = {
      labels: { ...element.labels, ...(seen.name === null ? {} : { __name__: seen.name }) },
      externalLabels: this.test.externalLabels,
      externalUrl: this.test.externalUrl,
      value: seen.value,
      now: seen.at,
      query: (text: string) => this.templateQuery(text, turn, seen.at),
    };
    const expanded = mapValues(rule.labels, (expand) => expand(data));
    return {
      rule,
      isFiring: now - element.since >= rule.forMs,
      since: element.since,
      labels: withLabels(element.labels, { ...expanded, alertname: rule.name }),
      annotations: mapValues(rule.annotations, (expand) => expand(data)),
    };
  }

  /** The newest tick at which the label set was there: one that is kept firing speaks of then. */
  private lastSeen(
    { rule, turn }: { rule: AlertRule; turn: Turn },
    element: ElementVerdict,
    now: number,
  ): { at: number; value: number; name: string | null } {
    const key = seriesKey('', element.labels);
    for (let at = now; at >= element.since; at -= this.tickMs) {
      const found = this.valueOf(rule.expression, turn, at).find(
        ({ labels }) => seriesKey('', labels) === key,
      );
      if (found !== undefined) return { at, value: found.value, name: found.name };
    }
    return { at: now, value: element.value ?? NaN, name: element.name };
  }

  private templateQuery(text: string, turn: Turn, now: number): GoSample[] {
    const parsed = parseValue(text);
    if (!parsed.ok) {
      const reasons = parsed.problems.map(({ message }) => message);
      throw new FunctionError(`parse error: ${reasons.join('; ')}`);
    }
    return this.valueOf(parsed.expression, turn, now).map(({ name, labels, value }) => ({
      kind: 'sample',
      labels: name === null ? labels : { ...labels, __name__: name },
      value,
    }));
  }
}

const TWICE = 'the result has one label set twice, after the rule has added its labels';

function areDistinct(rows: readonly { labels: Readonly<Record<string, string>> }[]): boolean {
  return new Set(rows.map(({ labels }) => seriesKey('', labels))).size === rows.length;
}

function numberOf(value: Exclude<SequenceValue, 'missing'>): number | null {
  return value === 'stale' ? null : value;
}

/** Labels of a rule win; an empty one takes the label away. */
function withLabels(
  labels: Readonly<Record<string, string>>,
  added: Readonly<Record<string, string>>,
): Record<string, string> {
  const all = Object.entries({ ...labels, ...added });
  return Object.fromEntries(all.filter(([, value]) => value !== ''));
}

function mapValues<A, B>(
  record: Readonly<Record<string, A>>,
  map: (value: A) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

/** ALERTS and ALERTS_FOR_STATE, as Prometheus writes them beside its alerts. */
function alertSeries(alerts: readonly ActiveAlert[]): [Series, number][] {
  return alerts.flatMap(({ labels, isFiring, since }): [Series, number][] => {
    const alertstate = isFiring ? 'firing' : 'pending';
    return [
      [{ name: 'ALERTS', labels: { ...labels, alertstate } }, 1],
      [{ name: 'ALERTS_FOR_STATE', labels }, Math.trunc(since / 1000)],
    ];
  });
}
