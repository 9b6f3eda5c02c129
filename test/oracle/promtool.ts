import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { durationMs, seriesName, type Dataset } from './dataset';

export interface Question {
  text: string;
  /** From the dataset's start. */
  atMs: number;
}

/** Questions about one dataset. */
export interface Group<Q extends Question = Question> {
  dataset: Dataset;
  questions: readonly Q[];
}

/** What promtool printed as `got`, or its error. */
export type Raw = { got: string } | { error: string };

/** No expression answers it, so every case fails and promtool prints what it got. */
const NEVER = [{ labels: '{never="seen"}', value: 1 }];
const STEP_MS = 60_000;
const QUESTIONS_PER_RUN = 6000;

/** Asks Prometheus' own rule tester; one answer per question, in the same order. */
export async function askValues(promtool: string, groups: readonly Group[]): Promise<Raw[][]> {
  const answers = await inParallel(batches(groups), async (batch) => {
    const questions = batch.flatMap((group) => [...group.questions, lastQuestion(group)]);
    const raws = parseValues(await runTests(promtool, { 'values.yml': valueTests(batch) }));
    if (raws.length !== questions.length) {
      throw new Error(`promtool answered ${raws.length} of ${questions.length} questions`);
    }
    let at = 0;
    return batch.map(({ questions: { length } }) => {
      const own = raws.slice(at, at + length);
      at += length + 1;
      return own;
    });
  });
  return answers.flat();
}

function batches(groups: readonly Group[]): Group[][] {
  const found: Group[][] = [];
  let room = 0;
  for (const group of groups) {
    if (room < group.questions.length) {
      found.push([]);
      room = QUESTIONS_PER_RUN;
    }
    found.at(-1)?.push(group);
    room -= group.questions.length;
  }
  return found;
}

/** promtool loads samples up to the last multiple of its interval at or before the last question. */
function lastQuestion({ dataset, questions }: Group): Question {
  const lastMs = Math.max(durationMs(dataset), ...questions.map(({ atMs }) => atMs));
  return { text: 'vector(1)', atMs: Math.ceil(lastMs / STEP_MS) * STEP_MS };
}

function valueTests(groups: readonly Group[]): unknown {
  return {
    evaluation_interval: `${STEP_MS}ms`,
    tests: groups.map((group) => ({
      ...loaded(group.dataset),
      promql_expr_test: [...group.questions, lastQuestion(group)].map(({ text, atMs }) => ({
        expr: text,
        eval_time: `${atMs}ms`,
        exp_samples: NEVER,
      })),
    })),
  };
}

export function loaded(dataset: Dataset): Record<string, unknown> {
  return {
    interval: `${dataset.intervalMs}ms`,
    ...(dataset.startMs === 0 ? {} : { start_timestamp: String(dataset.startMs / 1000) }),
    input_series: dataset.series.map((series) => ({
      series: seriesName(series),
      values: series.values,
    })),
  };
}

function parseValues(output: string): Raw[] {
  const raws: Raw[] = [];
  for (const line of output.split('\n')) {
    if (line.startsWith('    expr: ')) {
      const error = /, err: (.*)$/.exec(line)?.[1];
      if (error?.includes('parse error') === true) throw new Error(line.trim());
      if (error !== undefined) raws.push({ error });
    } else if (line.startsWith('        got: ')) {
      raws.push({ got: line.slice('        got: '.length) });
    }
  }
  return raws;
}

/** Runs the files that hold tests; answers what promtool printed about those that failed. */
export async function runTests(
  promtool: string,
  files: Readonly<Record<string, unknown>>,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-oracle-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(folder, name), JSON.stringify(content));
    }
    const tests = Object.keys(files).filter((name) => !name.startsWith('rules'));
    return await outputOf(promtool, ['test', 'rules', ...tests], folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function outputOf(command: string, args: string[], cwd: string): Promise<string> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  const chunks: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return Buffer.concat(chunks).toString('utf8');
}

const AT_ONCE = 2;

export async function inParallel<In, Out>(
  items: readonly In[],
  work: (item: In) => Promise<Out>,
): Promise<Out[]> {
  const results: Out[] = [];
  const waiting = items.entries();
  const worker = async (): Promise<void> => {
    for (const [i, item] of waiting) results[i] = await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
