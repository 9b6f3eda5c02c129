import { z } from 'zod';
import type { RuntimeCatalogue } from '../../../domain/action/runtime';
import { isUnitName, UNIT_KINDS, withSuffix } from './unit-name';

export const unitField = z
  .string()
  .transform(withSuffix)
  .refine(
    isUnitName,
    `must be the name of one ${UNIT_KINDS.join(', ')}, such as nginx.service or web@1.service`,
  );

export const scopeField = z.enum(['system', 'user']).default('system');

/** Runtime `systemd`: a unit that is there already, through `systemctl`. */
export const SYSTEMD_CATALOGUE: RuntimeCatalogue = {
  type: 'systemd',
  schema: z.strictObject({
    type: z.literal('systemd'),
    unit: unitField,
    scope: scopeField,
    allowSelf: z.boolean().optional(),
  }),
  verbs: [
    { verb: 'restart', summary: 'stop the unit and start it anew', params: [] },
    { verb: 'start', summary: 'start the unit unless it is active', params: [] },
    { verb: 'stop', summary: 'stop the unit', params: [] },
    { verb: 'reload', summary: 'ask the unit to read its configuration again', params: [] },
    {
      verb: 'reset-failed',
      summary: 'forget that the unit failed, and its start limit',
      params: [],
    },
    {
      verb: 'sync',
      summary:
        'rewrite config files that differ, then reload or restart; start it if it is not active',
      params: [],
    },
  ],
  aliases: { restart_service: 'restart', reset_failed: 'reset-failed' },
};

export const SYSTEMD_DEFAULTS = {
  /** For a job of systemd to end; below the time that an execute may take. */
  jobTimeoutMs: 100_000,
  /** For a question. */
  askTimeoutMs: 10_000,
  systemctl: ['systemctl'] as readonly string[],
  journalctl: ['journalctl'] as readonly string[],
};
