import type { RuntimeCatalogue } from '../domain/action/runtime';
import { PROCESS_CATALOGUE } from './runtimes/process/spec';

/** What every runtime can do, as data; a new runtime is one line here. */
export const CATALOGUES: RuntimeCatalogue[] = [PROCESS_CATALOGUE];
