import type { RuntimeCatalogue } from '../../domain/action/runtime';

/** Two runtimes with verbs, parameters and aliases, for tests of the checker. */
export const CATALOGUE: RuntimeCatalogue[] = [
  {
    type: 'process',
    verbs: [
      { verb: 'restart', summary: 'Stops and starts it.', params: [] },
      { verb: 'sync', summary: 'Restores what the manifest says.', params: [] },
    ],
    aliases: { restart_service: 'restart' },
  },
  {
    type: 'docker',
    verbs: [
      {
        verb: 'scale',
        summary: 'Changes the count.',
        params: [
          { name: 'by', type: 'number' },
          { name: 'to', type: 'number' },
        ],
      },
    ],
    aliases: { scale_up: { verb: 'scale', params: { by: 1 } } },
  },
];
