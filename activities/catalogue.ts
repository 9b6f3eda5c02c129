import type { RuntimeCatalogue } from '../domain/action/runtime';
import { DOCKER_CATALOGUE } from './runtimes/docker/spec';
import { CONFIG_CATALOGUE } from './runtimes/config/spec';
import { EXTERNAL_CATALOGUE } from './runtimes/external/spec';
import { PROCESS_CATALOGUE } from './runtimes/process/spec';
import { SCRIPT_CATALOGUE } from './runtimes/script/spec';
import { SYSTEMD_CATALOGUE } from './runtimes/systemd/spec';
import { WEBHOOK_CATALOGUE } from './runtimes/webhook/spec';

/** What every runtime can do, as data; a new runtime is one line here. */
export const CATALOGUES: RuntimeCatalogue[] = [
  PROCESS_CATALOGUE,
  DOCKER_CATALOGUE,
  SYSTEMD_CATALOGUE,
  CONFIG_CATALOGUE,
  SCRIPT_CATALOGUE,
  WEBHOOK_CATALOGUE,
  EXTERNAL_CATALOGUE,
];
