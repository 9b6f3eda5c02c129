import { z } from 'zod';
import type { ValueExpression } from '../../domain/policy/ast';
import { typeOf } from '../expression/types';
import { parseValue } from '../expression/parser';
import { anything, check, counted, isRecord } from '../manifest/shape';
import { readDocuments, type Path } from '../manifest/source';
import type { Problem } from '../problem';
import { compileTemplate, type TemplateData } from './template';
import {
  listAt,
  problemAtStart,
  promDuration,
  readingOf,
  writtenMap,
  type FilePlace,
  type Reading,
} from './yaml-shape';

export type Expand = (data: TemplateData) => string;

interface RuleBase {
  name: string;
  text: string;
  /** Never a scalar: those are wrapped in vector(). */
  expression: ValueExpression;
  place: FilePlace;
}

export interface RecordRule extends RuleBase {
  kind: 'record';
  labels: Record<string, string>;
}

export interface AlertRule extends RuleBase {
  kind: 'alert';
  forMs: number;
  keepFiringMs: number;
  labels: Record<string, Expand>;
  annotations: Record<string, Expand>;
}

export type Rule = RecordRule | AlertRule;

export interface RuleGroup {
  name: string;
  rules: Rule[];
}

const fileSchema = z.strictObject({ groups: anything });

const groupSchema = z.strictObject({
  name: z.string().min(1, 'must not be empty'),
  interval: promDuration,
  limit: anything,
  query_offset: promDuration,
  labels: anything,
  rules: anything,
});

const ruleSchema = z.strictObject({
  record: z.string().optional(),
  alert: z.string().optional(),
  expr: anything,
  for: promDuration,
  keep_firing_for: promDuration,
  labels: anything,
  annotations: anything,
});

const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Reads a file of Prometheus' recording and alerting rules; every problem in it goes to `problems`. */
export function readRules(text: string, file: string, problems: Problem[]): RuleGroup[] {
  const { documents, problems: faults } = readDocuments(text, file);
  problems.push(...faults);
  const [source, second] = documents;
  if (second !== undefined) {
    problems.push(problemAtStart(file, 'a file of rules is one YAML document'));
  }
  if (source?.data === undefined || source.data === null) return [];
  const reading = readingOf(file, source, problems);
  if (check(fileSchema, source.data, { path: [], context: reading }) === null) return [];
  const groups = isRecord(source.data) ? source.data['groups'] : [];
  const read = listAt(groups, ['groups'], reading).flatMap((group, i) =>
    readGroup(group, ['groups', i], reading),
  );
  read.forEach(({ name }, i) => {
    if (read.findIndex((other) => other.name === name) === i) return;
    reading.report(['groups', i, 'name'], `group "${name}" is described twice in this file`);
  });
  return read;
}

function readGroup(group: unknown, path: Path, reading: Reading): RuleGroup[] {
  const data = check(groupSchema, group, { path, context: reading });
  if (!isRecord(group)) return [];
  if (group['limit'] !== undefined && group['limit'] !== 0) {
    reading.report([...path, 'limit'], '"limit" is not supported');
  }
  if (data !== null && (data.query_offset ?? 0) !== 0) {
    reading.report([...path, 'query_offset'], '"query_offset" is not supported');
  }
  const labels = labelMap(group['labels'], [...path, 'labels'], reading);
  const rules = listAt(group['rules'], [...path, 'rules'], reading).flatMap((rule, i) =>
    readRule(rule, labels, [...path, 'rules', i], reading),
  );
  return data === null ? [] : [{ name: data.name, rules }];
}

function readRule(
  rule: unknown,
  groupLabels: Record<string, string>,
  path: Path,
  outer: Reading,
): Rule[] {
  const { context: reading, isFaulty } = counted(outer);
  const data = check(ruleSchema, rule, { path, context: reading });
  if (!isRecord(rule)) return [];
  const expression = readExpression(rule['expr'], [...path, 'expr'], reading);
  const labels = { ...groupLabels, ...labelMap(rule['labels'], [...path, 'labels'], reading) };
  const annotations = writtenMap(rule['annotations'], [...path, 'annotations'], reading);
  const record = textOf(rule['record']);
  const alert = textOf(rule['alert']);
  if ((record === '') === (alert === '')) {
    const message =
      record === ''
        ? 'a rule needs either "record" or "alert"'
        : 'a rule has either "record" or "alert", not both';
    reading.report(path, message);
  }
  if (record !== '') checkRecord(record, rule, path, reading);
  const templates = {
    labels: alert === '' ? {} : templatesOf(labels, [...path, 'labels'], reading),
    annotations: templatesOf(annotations, [...path, 'annotations'], reading),
  };
  if (data === null || expression === null || isFaulty()) return [];
  const place = reading.placeOf([...path, 'expr']);
  const base = { text: expression.text, expression: expression.value, place };
  if (record !== '') return [{ kind: 'record', name: record, labels, ...base }];
  const times = { forMs: data.for ?? 0, keepFiringMs: data.keep_firing_for ?? 0 };
  return [{ kind: 'alert', name: alert, ...times, ...templates, ...base }];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function checkRecord(
  record: string,
  rule: Readonly<Record<string, unknown>>,
  path: Path,
  reading: Reading,
): void {
  if (!METRIC.test(record)) {
    reading.report([...path, 'record'], `"${record}" is no name of a metric`);
  }
  for (const field of ['for', 'keep_firing_for', 'annotations']) {
    if (rule[field] === undefined) continue;
    reading.report([...path, field], `a recording rule has no "${field}"`, { part: 'key' });
  }
}

function readExpression(
  written: unknown,
  path: Path,
  reading: Reading,
): { text: string; value: ValueExpression } | null {
  if (written === undefined || written === null || written === '') {
    reading.report(path, '"expr" is missing', { part: 'key' });
    return null;
  }
  const text = typeof written === 'number' ? String(written) : written;
  if (typeof text !== 'string') {
    reading.report(path, '"expr" must be text');
    return null;
  }
  const parsed = parseValue(text);
  if (parsed.ok) return { text, value: asVector(parsed.expression) };
  for (const { at, message } of parsed.problems) {
    reading.report(path, message, { part: 'value', offset: at });
  }
  return null;
}

/** Rules make a vector of a scalar. */
function asVector(expression: ValueExpression): ValueExpression {
  if (typeOf(expression) !== 'scalar') return expression;
  return { kind: 'call', at: expression.at, function: 'vector', args: [expression] };
}

function labelMap(value: unknown, path: Path, reading: Reading): Record<string, string> {
  const labels = writtenMap(value, path, reading);
  for (const name of Object.keys(labels)) {
    if (LABEL.test(name) && name !== '__name__') continue;
    reading.report([...path, name], `"${name}" is no name of a label`, { part: 'key' });
  }
  return labels;
}

function templatesOf(
  texts: Readonly<Record<string, string>>,
  path: Path,
  reading: Reading,
): Record<string, Expand> {
  const templates = Object.entries(texts).flatMap(([name, text]): [string, Expand][] => {
    const template = compileTemplate(text);
    if (template.ok) return [[name, template.expand]];
    const { at, message } = template.problem;
    reading.report([...path, name], message, { part: 'value', offset: at });
    return [];
  });
  return Object.fromEntries(templates);
}
