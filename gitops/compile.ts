import type { RuntimeCatalogue } from '../domain/action/runtime';
import { lintTogether } from '../language/lint/together';
import { parseManifests } from '../language/manifest/compile';
import { formatProblem } from '../language/problem';
import type { Compile } from './round';

/** Compiles every file against what the runtimes can do; the problems of all files at once. */
export function createCompile(
  catalogue: readonly RuntimeCatalogue[],
  variables: Readonly<Record<string, string | undefined>> = {},
): Compile {
  return (files) => {
    const compiled = files.map(({ path, text }) =>
      parseManifests(text, { file: path, catalogue, variables }),
    );
    const objects = compiled.flatMap((part) => part.objects);
    const found = [
      ...compiled.flatMap(({ problems }) => problems),
      ...lintTogether(objects, catalogue),
    ];
    const textsOf = (severity: 'error' | 'warning'): string[] =>
      found.filter((problem) => problem.severity === severity).map(formatProblem);
    return {
      objects,
      problems: textsOf('error'),
      warnings: textsOf('warning'),
    };
  };
}
