import { z } from 'zod';
import type { ValueExpression } from '../../domain/policy/ast';
import { parseValue } from '../expression/parser';
import { anything, check, isRecord, label, printed } from '../manifest/shape';
import type { Path, SourceDocument } from '../manifest/source';
import type { Problem } from '../problem';
import { parseStart } from './duration';
import {
  parseSeriesName,
  parseValues,
  type NotationProblem,
  type Parsed,
  type SequenceValue,
  type SeriesName,
} from './series-notation';
import {
  listAt,
  promDuration,
  readingOf,
  writtenMap,
  writtenText,
  type FilePlace,
  type Reading,
} from './yaml-shape';

/** A file of unit tests as promtool reads it. Times are ms since the test's start. */
export interface PromTestFile {
  /** Globs, relative to the file. */
  ruleFiles: { pattern: string; place: FilePlace }[];
  evaluationMs: number;
  groupOrder: string[];
  isFuzzy: boolean;
  tests: PromTest[];
}

export interface PromTest {
  name: string;
  place: FilePlace;
  intervalMs: number;
  /** Epoch ms. */
  startMs: number;
  series: InputSeries[];
  alertTests: AlertTest[];
  valueTests: ValueTest[];
  externalLabels: Record<string, string>;
  externalUrl: string;
}

export interface InputSeries extends SeriesName {
  values: SequenceValue[];
}

export interface AlertTest {
  place: FilePlace;
  atMs: number;
  alertname: string;
  expected: ExpectedAlert[];
}

export interface ExpectedAlert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface ValueTest {
  place: FilePlace;
  atMs: number;
  text: string;
  expression: ValueExpression;
  expected: ExpectedSample[];
}

export interface ExpectedSample extends SeriesName {
  value: number;
}

const DEFAULT_INTERVAL_MS = 60_000;

const fileSchema = z.strictObject({
  rule_files: anything,
  evaluation_interval: promDuration,
  group_eval_order: anything,
  fuzzy_compare: z.boolean().nullish(),
  tests: anything,
});

const testSchema = z.strictObject({
  name: z.string().nullish(),
  interval: promDuration,
  input_series: anything,
  alert_rule_test: anything,
  promql_expr_test: anything,
  external_labels: anything,
  external_url: z.string().nullish(),
  start_timestamp: anything,
});

const seriesSchema = z.strictObject({ series: z.string(), values: anything });

const alertTestSchema = z.strictObject({
  eval_time: promDuration,
  alertname: z.string().min(1, 'must not be empty'),
  exp_alerts: anything,
});

const alertSchema = z.strictObject({ exp_labels: anything, exp_annotations: anything });

const valueTestSchema = z.strictObject({
  eval_time: promDuration,
  expr: z.string(),
  exp_samples: anything,
});

const sampleSchema = z.strictObject({ labels: anything, value: anything, histogram: anything });

/** Reads one file of unit tests; what is wrong in it goes to `problems`, and the rest is read all the same. */
export function readPromTests(
  source: SourceDocument,
  file: string,
  problems: Problem[],
): PromTestFile {
  const reading = readingOf(file, source, problems);
  const data = check(fileSchema, source.data, { path: [], context: reading });
  const raw = isRecord(source.data) ? source.data : {};
  const evaluationMs = (data?.evaluation_interval ?? 0) || DEFAULT_INTERVAL_MS;
  const tests = listAt(raw['tests'], ['tests'], reading).flatMap((test, i) =>
    readTest(test, { path: ['tests', i], index: i, evaluationMs }, reading),
  );
  const groupOrder = texts(raw['group_eval_order'], ['group_eval_order'], reading);
  groupOrder.forEach(({ text }, i) => {
    if (groupOrder.findIndex((other) => other.text === text) === i) return;
    reading.report(['group_eval_order', i], `group "${text}" is named twice`);
  });
  const ruleFiles = texts(raw['rule_files'], ['rule_files'], reading);
  return {
    ruleFiles: ruleFiles.map(({ text, place }) => ({ pattern: text, place })),
    evaluationMs,
    groupOrder: groupOrder.map(({ text }) => text),
    isFuzzy: data?.fuzzy_compare ?? false,
    tests,
  };
}

function texts(value: unknown, path: Path, reading: Reading): { text: string; place: FilePlace }[] {
  return listAt(value, path, reading).map((one, i) => ({
    text: writtenText(one, [...path, i], reading),
    place: reading.placeOf([...path, i]),
  }));
}

function readTest(
  test: unknown,
  { path, index, evaluationMs }: { path: Path; index: number; evaluationMs: number },
  reading: Reading,
): PromTest[] {
  const data = check(testSchema, test, { path, context: reading });
  if (!isRecord(test)) return [];
  const at = (field: string): Path => [...path, field];
  const each = <T>(field: string, read: Read<T>): T[] =>
    listAt(test[field], at(field), reading).flatMap((one, i) =>
      read(one, [...at(field), i], reading),
    );
  const series = each('input_series', readSeries);
  const alertTests = each('alert_rule_test', readAlertTest);
  const valueTests = each('promql_expr_test', readValueTest);
  const externalLabels = writtenMap(test['external_labels'], at('external_labels'), reading);
  const startMs = readStart(test['start_timestamp'], at('start_timestamp'), reading);
  if (data === null) return [];
  return [
    {
      name: data.name ?? '',
      place: reading.placeOf(path),
      intervalMs: (data.interval ?? 0) || evaluationMs,
      startMs,
      series,
      alertTests,
      valueTests,
      externalLabels,
      externalUrl: data.external_url ?? '',
    },
  ].map((read) => ({ ...read, name: read.name === '' ? `unnamed#${index}` : read.name }));
}

type Read<T> = (value: unknown, path: Path, reading: Reading) => T[];

function readStart(value: unknown, path: Path, reading: Reading): number {
  if (value === undefined || value === null) return 0;
  const written = writtenText(value, path, reading);
  const start = parseStart(written);
  if (start !== null) return start;
  reading.report(path, `${label(path)} must be epoch seconds or RFC 3339, not ${printed(value)}`);
  return 0;
}

/** Reports what is wrong with a notation where it stands. */
function notation<T>(parsed: Parsed<T>, path: Path, reading: Reading): T | null {
  if (parsed.ok) return parsed.value;
  reportNotation(parsed.problem, path, reading);
  return null;
}

function reportNotation({ at, message }: NotationProblem, path: Path, reading: Reading): void {
  reading.report(path, message, { part: 'value', offset: at });
}

/** One series with its values, as both kinds of tests write it. */
export function readSeries(value: unknown, path: Path, reading: Reading): InputSeries[] {
  const data = check(seriesSchema, value, { path, context: reading });
  if (data === null || !isRecord(value)) return [];
  const name = notation(parseSeriesName(data.series), [...path, 'series'], reading);
  const at = [...path, 'values'];
  const values = notation(parseValues(writtenText(value['values'], at, reading)), at, reading);
  if (name?.name === '') reading.report([...path, 'series'], 'the series has no name');
  return name === null || values === null ? [] : [{ ...name, values }];
}

function readAlertTest(value: unknown, path: Path, reading: Reading): AlertTest[] {
  const data = check(alertTestSchema, value, { path, context: reading });
  const alerts = isRecord(value) ? value['exp_alerts'] : [];
  const expected = listAt(alerts, [...path, 'exp_alerts'], reading).flatMap((alert, i) =>
    readAlert(alert, [...path, 'exp_alerts', i], reading),
  );
  if (data === null) return [];
  const { alertname, eval_time: atMs } = data;
  return [{ place: reading.placeOf(path), atMs: atMs ?? 0, alertname, expected }];
}

function readAlert(value: unknown, path: Path, reading: Reading): ExpectedAlert[] {
  if (check(alertSchema, value, { path, context: reading }) === null || !isRecord(value)) return [];
  return [
    {
      labels: writtenMap(value['exp_labels'], [...path, 'exp_labels'], reading),
      annotations: writtenMap(value['exp_annotations'], [...path, 'exp_annotations'], reading),
    },
  ];
}

function readValueTest(value: unknown, path: Path, reading: Reading): ValueTest[] {
  const data = check(valueTestSchema, value, { path, context: reading });
  const samples = isRecord(value) ? value['exp_samples'] : [];
  const expected = listAt(samples, [...path, 'exp_samples'], reading).flatMap((sample, i) =>
    readSample(sample, [...path, 'exp_samples', i], reading),
  );
  if (data === null) return [];
  const parsed = parseValue(data.expr);
  if (parsed.ok) {
    const { eval_time: atMs, expr: text } = data;
    const { expression } = parsed;
    return [{ place: reading.placeOf(path), atMs: atMs ?? 0, text, expression, expected }];
  }
  for (const problem of parsed.problems) reportNotation(problem, [...path, 'expr'], reading);
  return [];
}

function readSample(value: unknown, path: Path, reading: Reading): ExpectedSample[] {
  if (check(sampleSchema, value, { path, context: reading }) === null || !isRecord(value)) {
    return [];
  }
  if (value['histogram'] !== undefined) {
    reading.report([...path, 'histogram'], 'native histograms are not supported', { part: 'key' });
    return [];
  }
  const at = [...path, 'labels'];
  const name = notation(parseSeriesName(writtenText(value['labels'], at, reading)), at, reading);
  const number = readNumber(value['value'], [...path, 'value'], reading);
  return name === null ? [] : [{ ...name, value: number }];
}

function readNumber(value: unknown, path: Path, reading: Reading): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === 'number') return value;
  const parsed = typeof value === 'string' ? parseValues(value) : null;
  const [only, ...more] = parsed?.ok === true ? parsed.value : [];
  if (typeof only === 'number' && more.length === 0) return only;
  reading.report(path, `${label(path)} must be a number, not ${printed(value)}`);
  return 0;
}
