import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CATALOGUES } from '../../../activities/catalogue';
import { filesMatching } from '../../../cli/glob';
import { renderResults, type FileResult } from '../../../language/policy-test/report';
import { runPolicyTests } from '../../../language/policy-test/run';

export const FIXTURES = join(__dirname, 'fixtures');

/** Runs one file of tests below fixtures/. */
export function runFixture(name: string, run = /^/): FileResult {
  const file = join(FIXTURES, name);
  return runPolicyTests(
    { file, text: readFileSync(file, 'utf8') },
    {
      catalogue: CATALOGUES,
      filter: (test) => run.test(test),
      find: (pattern) =>
        filesMatching(pattern, dirname(file)).map((found) => ({
          file: found,
          text: readFileSync(found, 'utf8'),
        })),
    },
  );
}

/** What a person reads of it, with paths relative to fixtures/. */
export function rendered(name: string, run?: RegExp): string[] {
  const lines = renderResults([runFixture(name, run)]);
  return lines.map((line) => line.replaceAll(`${FIXTURES}/`, ''));
}
