import { z } from 'zod';
import type { RuntimeCatalogue } from '../../../domain/action/runtime';
import { RELOAD_SIGNALS } from '../../../domain/runtime-spec';
import { scopeField, unitField } from '../systemd/spec';

const notEmpty = z.string().min(1, 'must not be empty');

const reloadField = z.union(
  [
    z.strictObject({
      command: z
        .array(z.string())
        .min(1)
        .refine(([program]) => program !== ''),
    }),
    z.strictObject({ pidFile: notEmpty, signal: z.enum(RELOAD_SIGNALS).default('SIGHUP') }),
    z.strictObject({ unit: unitField, scope: scopeField }),
  ],
  {
    error: `must be one of { command: [program, argument…] }, { pidFile, signal: ${RELOAD_SIGNALS.join(' or ')} }, { unit: a unit of systemd, scope: system or user }`,
  },
);

/** Runtime `config`: files alone, and how whoever reads them is told. */
export const CONFIG_CATALOGUE: RuntimeCatalogue = {
  type: 'config',
  schema: z.strictObject({ type: z.literal('config'), reload: reloadField.optional() }),
  verbs: [
    {
      verb: 'sync',
      summary: 'replace the files that differ, all of them or none, then reload',
      params: [],
    },
    { verb: 'reload', summary: 'tell whoever reads the files to read them again', params: [] },
  ],
  aliases: { write: 'sync', apply: 'sync' },
};

export const CONFIG_DEFAULTS = {
  /** Of a reload command. */
  reloadTimeoutMs: 30_000,
};
