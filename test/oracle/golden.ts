import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  askRules,
  ruleExclusion,
  ticksOf,
  vigilFires,
  type Firing,
  type RuleGroup,
} from './alerts';
import { difference, parseGot } from './answer';
import { generatedGroups, ruleGroups, tableGroups, tableRules, valueOf } from './cases';
import type { Dataset } from './dataset';
import { exclusionOf } from './exclude';
import { askValues, inParallel, type Group, type Raw } from './promtool';
import { vigilOf, type ValueQuestion } from './values';

/** promtool's answers to questions about one dataset, as it wrote them. */
export interface RecordedValues {
  dataset: Dataset;
  /** Text, then time in ms from the start and answer by turns. */
  answers: [string, ...(string | number)[]][];
}

export interface RecordedRules {
  dataset: Dataset;
  tickMs: number;
  /** Text, `for` and `keep_firing_for` in ms, and which label sets fire at each tick where that changes. */
  rules: [string, number, number, [number, string[]][]][];
}

const VALUE_FILES = ['table.json', 'generated.json'] as const;
const RULES_FILE = 'rules.json';
const RECORDED = { seed: 2025, expressions: 600, rules: 200 };
const TIMES_ASKED = 3;

/** Records what promtool answers every time it is asked; says how many answers. */
export async function writeGoldens(promtool: string, folder: string): Promise<number> {
  mkdirSync(folder, { recursive: true });
  const { seed, expressions, rules } = RECORDED;
  const groups = [tableGroups(), generatedGroups(expressions, seed)];
  let answers = 0;
  for (const [i, name] of VALUE_FILES.entries()) {
    const recorded = await recordValues(promtool, groups[i] ?? []);
    writeLines(join(folder, name), recorded, 'answers');
    answers += recorded.reduce((sum, one) => sum + questionsOf(one).length, 0);
  }
  const firing = await recordRules(promtool, [...tableRules(), ...ruleGroups(rules, seed)]);
  writeLines(join(folder, RULES_FILE), firing, 'rules');
  return answers + firing.reduce((sum, one) => sum + one.rules.length * ticksOf(one).length, 0);
}

async function recordValues(
  promtool: string,
  groups: readonly Group<ValueQuestion>[],
): Promise<RecordedValues[]> {
  const times = Array.from({ length: TIMES_ASKED }, () => groups);
  const runs = await inParallel(times, (asked) => askValues(promtool, asked));
  return groups.map(({ dataset, questions }, g) => {
    const byText = new Map<string, (string | number)[]>();
    questions.forEach((question, q) => {
      const raws = runs.map((run) => run[g]?.[q]);
      const got = sameOf(raws);
      if (got === null || exclusionOf({ ...question, dataset }) !== null) return;
      byText.set(question.text, [...(byText.get(question.text) ?? []), question.atMs, got]);
    });
    return { dataset, answers: [...byText].map(([text, rest]) => [text, ...rest]) };
  });
}

/** What they all say; null: they differ, or one is an error. */
function sameOf(raws: readonly (Raw | undefined)[]): string | null {
  const [first] = raws;
  if (first === undefined || !('got' in first)) return null;
  const isSame = raws.every((raw) => raw !== undefined && 'got' in raw && raw.got === first.got);
  return isSame ? first.got : null;
}

async function recordRules(
  promtool: string,
  groups: readonly RuleGroup[],
): Promise<RecordedRules[]> {
  const answers = await inParallel(groups, (group) => askRules(promtool, group));
  return groups.map((group, g) => ({
    dataset: group.dataset,
    tickMs: group.tickMs,
    rules: group.rules.flatMap((rule, r): RecordedRules['rules'] => {
      const firing = answers[g]?.[r] ?? null;
      if (firing === null || ruleExclusion({ ...group, rule }) !== null) return [];
      return [[rule.text, rule.forMs, rule.keepFiringMs, changesOf(firing, group.tickMs)]];
    }),
  }));
}

function changesOf(firing: Firing, tickMs: number): [number, string[]][] {
  const changes: [number, string[]][] = [];
  let before = '[]';
  firing.forEach((labels, tick) => {
    const sorted = [...labels].sort();
    const text = JSON.stringify(sorted);
    if (text !== before) changes.push([tick * tickMs, sorted]);
    before = text;
  });
  return changes;
}

/** One case a line, so that a change of one is a change of one line. */
function writeLines<Key extends string>(
  path: string,
  groups: readonly (Record<Key, readonly unknown[]> & { dataset: Dataset })[],
  key: Key,
): void {
  const blocks = groups.map((group) => {
    const { [key]: cases, ...rest } = group;
    const head = JSON.stringify(rest).slice(0, -1);
    const lines = cases.map((one) => JSON.stringify(one)).join(',\n');
    return `${head},\n"${key}":[\n${lines}\n]}`;
  });
  writeFileSync(path, `[\n${blocks.join(',\n')}\n]\n`);
}

export function readValues(folder: string): RecordedValues[] {
  return VALUE_FILES.flatMap((name) => read(join(folder, name)) as RecordedValues[]);
}

export function readRules(folder: string): RecordedRules[] {
  return read(join(folder, RULES_FILE)) as RecordedRules[];
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

interface RecordedQuestion {
  text: string;
  atMs: number;
  got: string;
}

function questionsOf({ answers }: RecordedValues): RecordedQuestion[] {
  return answers.flatMap(([text, ...rest]) =>
    rest.flatMap((atMs, i) =>
      typeof atMs === 'number' ? [{ text, atMs, got: String(rest[i + 1]) }] : [],
    ),
  );
}

/** Where Vigil does not answer what was recorded, as lines to read. */
export function valueDifferences(recorded: RecordedValues): string[] {
  const { dataset } = recorded;
  return questionsOf(recorded).flatMap(({ text, atMs, got }) => {
    const actual = vigilOf({ dataset, text, expression: valueOf(text), atMs });
    const found = difference(parseGot(got), actual);
    return found === null ? [] : [`${text} at ${atMs} ms: ${found}`];
  });
}

/** The same for alerts, at the ticks where something changes and right before them. */
export function ruleDifferences({ dataset, tickMs, rules }: RecordedRules): string[] {
  const lastMs = ticksOf({ dataset, tickMs }).at(-1) ?? 0;
  return rules.flatMap(([text, forMs, keepFiringMs, changes]) => {
    const rule = { text, forMs, keepFiringMs, expression: valueOf(text) };
    const edges = changes.flatMap(([atMs]) => (atMs === 0 ? [0] : [atMs - tickMs, atMs]));
    return [...new Set([...edges, lastMs])].flatMap((atMs) => {
      const expected = changes.filter(([from]) => from <= atMs).at(-1)?.[1] ?? [];
      const actual = [...vigilFires({ rule, dataset, tickMs }, atMs)].sort();
      if (JSON.stringify(expected) === JSON.stringify(actual)) return [];
      return [`${text} for ${forMs} keep ${keepFiringMs} at ${atMs} ms: ${actual.join(' ')}`];
    });
  });
}

/** Whether promtool still answers what was recorded. */
export async function checkGoldens(
  promtool: string,
  folder: string,
): Promise<{ answers: number; stale: string[] }> {
  const values = readValues(folder);
  const groups = values.map((one) => ({ dataset: one.dataset, questions: questionsOf(one) }));
  const raws = await askValues(promtool, groups);
  const stale = groups.flatMap(({ questions }, g) =>
    questions.flatMap(({ text, atMs, got }, q) => {
      const raw = raws[g]?.[q];
      const now = raw !== undefined && 'got' in raw ? raw.got : 'refused';
      const isSame = now !== 'refused' && difference(parseGot(got), parseGot(now)) === null;
      return isSame ? [] : [`${text} at ${atMs} ms: ${now}, recorded ${got}`];
    }),
  );
  const rules = readRules(folder);
  const changed = await inParallel(rules, (group) => changedRules(promtool, group));
  const states = rules.reduce((sum, one) => sum + one.rules.length * ticksOf(one).length, 0);
  const asked = groups.reduce((sum, { questions }) => sum + questions.length, 0);
  return { answers: asked + states, stale: [...stale, ...changed.flat()] };
}

async function changedRules(promtool: string, group: RecordedRules): Promise<string[]> {
  const rules = group.rules.map(([text, forMs, keepFiringMs]) => ({
    text,
    forMs,
    keepFiringMs,
    expression: valueOf(text),
  }));
  const answers = await askRules(promtool, { ...group, rules });
  return group.rules.flatMap(([text, , , changes], r) => {
    const firing = answers[r];
    const now = firing === null || firing === undefined ? null : changesOf(firing, group.tickMs);
    return JSON.stringify(now) === JSON.stringify(changes) ? [] : [`${text}: fires otherwise now`];
  });
}
