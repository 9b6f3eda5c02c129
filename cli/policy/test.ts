import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { CATALOGUES } from '../../activities/catalogue';
import { renderResults, totalsOf, type FileResult } from '../../language/policy-test/report';
import { runPolicyTests } from '../../language/policy-test/run';
import type { SourceFile } from '../../language/policy-test/sources';
import { CliFailure, usageError } from '../failure';
import { filesMatching } from '../glob';
import { optionsOf, printer } from '../output';

/** Adds `test` to the command `policy`. */
export function registerTest(policy: Command): void {
  const command = policy
    .command('test')
    .description("run unit tests of policies and of Prometheus' rules; needs no server")
    .argument('<files...>', 'PolicyTests, and unit tests as promtool reads them')
    .option('--run <regex>', 'only tests whose name matches')
    .option('--json', 'print the results as JSON');
  command.action((paths: string[]) => {
    const files = paths.map(read);
    const wanted = optionsOf(command).text('run');
    const filter = filterOf(wanted);
    const results = files.map((source) => runFile(source, filter));
    const isJson = optionsOf(command).flag('json');
    printer(command)(...(isJson ? [toJson(results)] : renderResults(results)));
    const { passed, failed, errors } = totalsOf(results);
    if (failed + errors > 0) throw new CliFailure('');
    if (passed === 0 && wanted !== undefined) throw usageError(`no test's name matches ${wanted}`);
  });
}

function runFile(source: SourceFile, filter: (name: string) => boolean): FileResult {
  return runPolicyTests(source, {
    filter,
    catalogue: CATALOGUES,
    find: (pattern) => filesMatching(pattern, dirname(source.file)).map(read),
  });
}

function read(file: string): SourceFile {
  if (!existsSync(file)) throw usageError(`${file} does not exist`);
  try {
    return { file, text: readFileSync(file, 'utf8') };
  } catch (cause) {
    throw new CliFailure(`${file} cannot be read`, 1, { cause });
  }
}

function filterOf(regex: string | undefined): (name: string) => boolean {
  if (regex === undefined) return () => true;
  try {
    const expression = new RegExp(regex, 'u');
    return (name) => expression.test(name);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CliFailure(`--run: ${reason}`, 2, { cause });
  }
}

function toJson(files: readonly FileResult[]): string {
  return JSON.stringify({ ...totalsOf(files), files }, null, 2);
}
