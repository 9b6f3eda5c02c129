import type { RuntimeCatalogue } from '../../domain/action/runtime';
import type { Problem } from '../problem';

/** A file as it was read. */
export interface SourceFile {
  file: string;
  text: string;
}

/** The files that a glob names, relative to the file that holds it; in order. */
export type FindFiles = (pattern: string) => SourceFile[];

/** Whether a test of that name is to run. */
export type TestFilter = (name: string) => boolean;

/** What a run of one file needs. */
export interface RunContext {
  file: string;
  find: FindFiles;
  filter: TestFilter;
  catalogue: readonly RuntimeCatalogue[];
  problems: Problem[];
}
