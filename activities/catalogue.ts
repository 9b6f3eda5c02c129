import type { RuntimeCatalogue } from '../domain/action/runtime';
import { PROCESS_CATALOGUE } from './runtimes/process/spec';
import { SCRIPT_CATALOGUE } from './runtimes/script/spec';
import { WEBHOOK_CATALOGUE } from './runtimes/webhook/spec';

const SCALE_UP = { verb: 'scale', params: { by: 1 } };

/** Replaced by the runtime's own once it is built; until then its verbs are for dry runs. */
const PLANNED_DOCKER: RuntimeCatalogue = {
  type: 'docker',
  isPlanned: true,
  verbs: [
    {
      verb: 'scale',
      summary: 'change the number of replicas',
      params: [
        { name: 'by', type: 'number' },
        { name: 'to', type: 'number' },
      ],
    },
  ],
  aliases: { scale_up: SCALE_UP, 'scale-up': SCALE_UP },
};

/** What every runtime can do, as data; a new runtime is one line here. */
export const CATALOGUES: RuntimeCatalogue[] = [
  PROCESS_CATALOGUE,
  PLANNED_DOCKER,
  SCRIPT_CATALOGUE,
  WEBHOOK_CATALOGUE,
];
