import { z } from 'zod';
import { OUTCOMES, type Outcome, type Phase } from '../../domain/action/action';
import { GATES } from '../../domain/action/gates';
import { SEVERITIES, type Severity, type VerdictValue } from '../../domain/policy/policy';
import { API_VERSION } from '../manifest/compile';
import {
  anything,
  check,
  counted,
  durationField,
  durationOrNull,
  given,
  isRecord,
  label,
  printed,
} from '../manifest/shape';
import type { Path, SourceDocument } from '../manifest/source';
import type { Problem } from '../problem';
import { parseStart } from './duration';
import { readSeries, type InputSeries } from './test-file';
import {
  listAt,
  readingOf,
  writtenMap,
  writtenText,
  type FilePlace,
  type Reading,
} from './yaml-shape';

export const POLICY_TEST = 'PolicyTest';

/** A file of tests in Vigil's own form. Times are ms since the test's start. */
export interface VigilTestFile {
  /** Globs of manifests, relative to the file. */
  policies: { pattern: string; place: FilePlace }[];
  variables: Record<string, string>;
  tests: VigilTest[];
}

export interface VigilTest {
  name: string;
  place: FilePlace;
  resource: { name: string; place: FilePlace };
  intervalMs: number;
  /** Epoch ms. */
  startMs: number;
  series: InputSeries[];
  actionTakesMs: number;
  /** Of the first, second, … action; the last one stands for all that follow. */
  outcomes: Outcome[];
  /** What a person does when asked; null: nobody answers. */
  approval: { afterMs: number; isApproved: boolean } | null;
  isPaused: boolean;
  expectations: Expectation[];
}

/** What is not given is not looked at. */
export interface Expectation {
  place: FilePlace;
  atMs: number;
  policy: string;
  verdict?: VerdictValue;
  phase?: Phase;
  gate?: string | null;
  explain?: RegExp;
  /** The steps of the newest action requested by then; null: none was. */
  action?: string | null;
  /** How many actions were requested by then. */
  actions?: number;
  severity?: Severity;
}

const fileSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal(POLICY_TEST),
  metadata: anything,
  policies: anything,
  variables: anything,
  tests: anything,
});

const givenSchema = z.strictObject({ paused: z.boolean().default(false) });

const outcome = z.enum(OUTCOMES);

const testSchema = z.strictObject({
  name: z.string().min(1, 'must not be empty'),
  resource: z.string().min(1, 'must not be empty'),
  interval: durationField({ fallback: 10_000, min: 1 }),
  start: anything,
  series: anything,
  actionTakes: durationField({ fallback: 5000 }),
  outcome: z
    .union([outcome, z.array(outcome).min(1)], `must be one or a list of ${OUTCOMES.join(', ')}`)
    .default('succeeded'),
  approval: anything,
  given: anything,
  expect: anything,
});

const approvalSchema = z.strictObject({
  decision: z.enum(['approve', 'reject']),
  after: durationField({ fallback: 0 }),
});

const PHASES = ['inactive', 'pending', 'firing', 'acting', 'cooldown'] as const;

const expectSchema = z.strictObject({
  at: durationOrNull({}),
  policy: z.string(),
  verdict: z
    .union([z.boolean(), z.enum(['true', 'false', 'unknown'])], 'must be true, false or unknown')
    .optional(),
  phase: z.enum(PHASES).optional(),
  gate: z.enum(GATES).nullable().optional(),
  explain: z.string().optional(),
  action: z.string().nullable().optional(),
  actions: z.int().min(0).optional(),
  severity: z.enum(SEVERITIES).optional(),
});

/** Reads one PolicyTest; what is wrong in it goes to `problems`, and the rest is read all the same. */
export function readVigilTests(
  source: SourceDocument,
  file: string,
  problems: Problem[],
): VigilTestFile {
  const reading = readingOf(file, source, problems);
  check(fileSchema, source.data, { path: [], context: reading });
  const raw = isRecord(source.data) ? source.data : {};
  const policies = listAt(raw['policies'], ['policies'], reading).map((pattern, i) => ({
    pattern: writtenText(pattern, ['policies', i], reading),
    place: reading.placeOf(['policies', i]),
  }));
  const variables = writtenMap(raw['variables'], ['variables'], reading);
  const tests = listAt(raw['tests'], ['tests'], reading).flatMap((test, i) =>
    readTest(test, ['tests', i], reading),
  );
  return { policies, variables, tests };
}

function readTest(test: unknown, path: Path, reading: Reading): VigilTest[] {
  const data = check(testSchema, test, { path, context: reading });
  if (!isRecord(test)) return [];
  const at = (field: string): Path => [...path, field];
  const each = <T>(field: string, read: (v: unknown, p: Path, r: Reading) => T[]): T[] =>
    listAt(test[field], at(field), reading).flatMap((one, i) =>
      read(one, [...at(field), i], reading),
    );
  const series = each('series', readSeries);
  const expectations = each('expect', readExpectation);
  const startMs = readStart(test['start'], at('start'), reading);
  const approval = readApproval(test['approval'], at('approval'), reading);
  const facts = check(givenSchema, given(test['given']), { path: at('given'), context: reading });
  if (data === null || facts === null) return [];
  const outcomes = Array.isArray(data.outcome) ? data.outcome : [data.outcome];
  return [
    {
      name: data.name,
      place: reading.placeOf(path),
      resource: { name: data.resource, place: reading.placeOf(at('resource')) },
      intervalMs: data.interval,
      startMs,
      series,
      actionTakesMs: data.actionTakes,
      outcomes,
      approval,
      isPaused: facts.paused,
      expectations,
    },
  ];
}

function readStart(value: unknown, path: Path, reading: Reading): number {
  if (value === undefined) return 0;
  const start = parseStart(writtenText(value, path, reading));
  if (start !== null) return start;
  reading.report(path, `${label(path)} must be RFC 3339 with a zone, not ${printed(value)}`);
  return 0;
}

function readApproval(value: unknown, path: Path, reading: Reading): VigilTest['approval'] {
  if (value === undefined) return null;
  const data = check(approvalSchema, value, { path, context: reading });
  return data && { afterMs: data.after, isApproved: data.decision === 'approve' };
}

function readExpectation(value: unknown, path: Path, outer: Reading): Expectation[] {
  const { context: reading, isFaulty } = counted(outer);
  const data = check(expectSchema, value, { path, context: reading });
  if (data === null) return [];
  if (data.at === null) reading.report([...path, 'at'], '"at" is missing', { part: 'key' });
  const { at, policy, verdict, explain, ...wanted } = data;
  if (Object.keys(data).length <= 2) {
    reading.report(path, 'nothing is expected here: add verdict, phase, gate, action, …');
  }
  const pattern =
    explain === undefined ? null : readPattern(explain, [...path, 'explain'], reading);
  if (isFaulty()) return [];
  return [
    {
      place: outer.placeOf(path),
      atMs: at ?? 0,
      policy,
      ...(verdict === undefined ? {} : { verdict: String(verdict) as VerdictValue }),
      ...(pattern === null ? {} : { explain: pattern }),
      ...withoutUndefined(wanted),
    },
  ];
}

type Given<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

function withoutUndefined<T extends object>(record: T): Given<T> {
  const entries = Object.entries(record).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Given<T>;
}

/** `/regex/` or the text itself. */
function readPattern(written: string, path: Path, reading: Reading): RegExp | null {
  const inner = /^\/(.*)\/$/s.exec(written)?.[1];
  const source = inner ?? written.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  try {
    return new RegExp(source, 'u');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    reading.report(path, `"explain" is no regular expression: ${reason}`);
    return null;
  }
}
