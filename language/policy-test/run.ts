import { isRecord } from '../manifest/shape';
import { readDocuments, type SourceDocument } from '../manifest/source';
import type { Problem } from '../problem';
import type { FileResult, TestResult } from './report';
import { runPromTests } from './run-promtool';
import type { RunContext, SourceFile } from './sources';
import { readPromTests } from './test-file';
import { readVigilTests } from './vigil-file';
import { runVigilTests } from './vigil-subjects';
import { bySite, problemAtStart } from './yaml-shape';

export type RunOptions = Omit<RunContext, 'file' | 'problems'>;

/** Runs the tests of one file, of promtool's form or of Vigil's own; never throws for what a person wrote. */
export function runPolicyTests({ file, text }: SourceFile, options: RunOptions): FileResult {
  const { documents, problems } = readDocuments(text, file);
  const written = documents.filter(({ data }) => data !== null && data !== undefined);
  if (written.length === 0 && problems.length === 0) {
    problems.push(problemAtStart(file, 'the file holds no tests'));
  }
  const context = { ...options, file, problems };
  const tests = written.flatMap((source) => runDocument(source, context));
  return { file, tests, problems: unique(problems).sort(bySite) };
}

function runDocument(source: SourceDocument, context: RunContext): TestResult[] {
  const { file, problems } = context;
  const { data } = source;
  if (isRecord(data) && ('kind' in data || 'apiVersion' in data)) {
    return runVigilTests(readVigilTests(source, file, problems), context);
  }
  if (isRecord(data) && ('tests' in data || 'rule_files' in data)) {
    return runPromTests(readPromTests(source, file, problems), context);
  }
  const message =
    "neither promtool's unit tests (rule_files, tests) nor a PolicyTest (apiVersion, kind)";
  problems.push(problemAtStart(file, message));
  return [];
}

/** A file that two patterns name is read twice. */
function unique(problems: readonly Problem[]): Problem[] {
  const key = (one: Problem): string =>
    JSON.stringify([one.file, one.line, one.column, one.message]);
  return [...new Map(problems.map((one) => [key(one), one])).values()];
}
