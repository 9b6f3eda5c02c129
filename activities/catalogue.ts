import type { RuntimeCatalogue } from '../domain/action/runtime';
import { DOCKER_CATALOGUE } from './runtimes/docker/spec';
import { PROCESS_CATALOGUE } from './runtimes/process/spec';

/** What every runtime can do, as data; a new runtime is one line here. */
export const CATALOGUES: RuntimeCatalogue[] = [PROCESS_CATALOGUE, DOCKER_CATALOGUE];
