import { formatProblem, type Problem } from '../problem';
import { printPlace, type FilePlace } from './yaml-shape';

/** One expectation that did not hold. */
export interface Failure {
  place: FilePlace;
  /** What was looked at: `alert InstanceDown at 5m`. */
  subject: string;
  /** Line by line; empty: nothing. */
  expected: string[];
  got: string[];
  /** What the answer rests on. */
  because: string[];
}

export interface TestResult {
  name: string;
  place: FilePlace;
  failures: Failure[];
}

/** `problems`: what kept the file, or files it names, from being read; then no test ran. */
export interface FileResult {
  file: string;
  tests: TestResult[];
  problems: Problem[];
}

export interface Totals {
  passed: number;
  failed: number;
  errors: number;
}

export function totalsOf(files: readonly FileResult[]): Totals {
  const tests = files.flatMap((file) => file.tests);
  const failed = tests.filter(({ failures }) => failures.length > 0).length;
  const problems = files.flatMap((file) => file.problems);
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  return { passed: tests.length - failed, failed, errors };
}

/** Everything that is wrong, at file:line:col, and a summary. */
export function renderResults(files: readonly FileResult[]): string[] {
  return [...files.flatMap(renderFile), summary(files)];
}

function renderFile({ tests, problems }: FileResult): string[] {
  return [
    ...problems.map(
      (problem) => formatProblem(problem) + (problem.severity === 'warning' ? ' (warning)' : ''),
    ),
    ...tests.flatMap(({ name, failures }) =>
      failures.flatMap((failure) => renderFailure(name, failure)),
    ),
  ];
}

function renderFailure(
  name: string,
  { place, subject, expected, got, because }: Failure,
): string[] {
  return [
    `${printPlace(place)}: ${name}: ${subject}`,
    ...section('expected', expected.length === 0 ? ['nothing'] : expected),
    ...section('got', got.length === 0 ? ['nothing'] : got),
    ...section('because', because),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.map((line, i) => `    ${(i === 0 ? title : '').padEnd(10)}${line}`);
}

function summary(files: readonly FileResult[]): string {
  const { passed, failed, errors } = totalsOf(files);
  const counts = [`${passed} passed`, `${failed} failed`];
  if (errors > 0) counts.push(`${errors} ${errors === 1 ? 'problem' : 'problems'}`);
  return `${counts.join(', ')} in ${files.length} ${files.length === 1 ? 'file' : 'files'}`;
}
