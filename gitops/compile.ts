import { setImmediate as breathe } from 'node:timers/promises';
import type { RuntimeCatalogue } from '../domain/action/runtime';
import { lintTogether } from '../language/lint/together';
import { parseManifests, type Compiled as CompiledFile } from '../language/manifest/compile';
import { formatProblem } from '../language/problem';
import type { Compile } from './round';
import type { SourceFile } from './sources/source';

/** How long files are compiled before others have their turn: health checks, other sources. */
const TURN_MS = 50;

/**
 * Compiles every file against what the runtimes can do; the problems of all files at once. A file
 * that is as it was at the call before is not compiled again, so make one for each source.
 */
export function createCompile(
  catalogue: readonly RuntimeCatalogue[],
  variables: Readonly<Record<string, string | undefined>> = {},
): Compile {
  let known = new Map<string, { text: string; compiled: CompiledFile }>();

  async function compileFiles(files: readonly SourceFile[]): Promise<CompiledFile[]> {
    const fresh: typeof known = new Map();
    const all: CompiledFile[] = [];
    let turn = performance.now();
    for (const { path, text } of files) {
      const before = known.get(path);
      const compiled =
        before?.text === text
          ? before.compiled
          : parseManifests(text, { file: path, catalogue, variables });
      fresh.set(path, { text, compiled });
      all.push(compiled);
      if (performance.now() - turn < TURN_MS) continue;
      await breathe();
      turn = performance.now();
    }
    known = fresh;
    return all;
  }

  return async (files) => {
    const compiled = await compileFiles(files);
    const objects = compiled.flatMap((part) => part.objects);
    const found = [
      ...compiled.flatMap(({ problems }) => problems),
      ...lintTogether(objects, catalogue),
    ];
    const textsOf = (severity: 'error' | 'warning'): string[] =>
      found.filter((problem) => problem.severity === severity).map(formatProblem);
    return { objects, problems: textsOf('error'), warnings: textsOf('warning') };
  };
}
