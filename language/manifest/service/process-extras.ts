import { z } from 'zod';
import { RELOAD_SIGNALS, type ProcessSpec } from '../../../domain/runtime-spec';
import { check, type Context } from '../shape';
import type { Path } from '../source';

export const reloadSchema = z.strictObject({ signal: z.enum(RELOAD_SIGNALS).default('SIGHUP') });

const UNITS: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };
const MIN_MEMORY = UNITS['Mi'] ?? 0;

const memoryField = z
  .string()
  .regex(/^[1-9]\d{0,8}(Ki|Mi|Gi)$/, 'must be a size such as 512Mi or 2Gi')
  .transform((text) => Number.parseInt(text, 10) * (UNITS[text.slice(-2)] ?? 0))
  .refine((bytes) => bytes >= MIN_MEMORY, 'must be at least 1Mi');

const cpuField = z
  .string()
  .regex(/^[1-9]\d{0,4}%$/, 'must be a share of one CPU such as 50% or 200%')
  .transform((text) => Number.parseInt(text, 10));

const countField = z.int().min(1, 'must be at least 1');

export const limitsSchema = z.strictObject({
  memory: memoryField.optional(),
  cpu: cpuField.optional(),
  openFiles: countField.optional(),
  processes: countField.optional(),
});

/** What a process may have beside its command. What the manifest leaves out is left out here too. */
export function compileProcessExtras(
  raw: Readonly<Record<string, unknown>>,
  path: Path,
  context: Context,
): Pick<ProcessSpec, 'reload' | 'limits'> | null {
  const extras: Pick<ProcessSpec, 'reload' | 'limits'> = {};
  if (raw['reload'] !== undefined) {
    const reload = check(reloadSchema, raw['reload'], { path: [...path, 'reload'], context });
    if (reload === null) return null;
    extras.reload = reload;
  }
  if (raw['limits'] !== undefined) {
    const limits = check(limitsSchema, raw['limits'], { path: [...path, 'limits'], context });
    if (limits === null) return null;
    const { memory, cpu, openFiles, processes } = limits;
    extras.limits = {
      ...(memory === undefined ? {} : { memoryBytes: memory }),
      ...(cpu === undefined ? {} : { cpuPercent: cpu }),
      ...(openFiles === undefined ? {} : { openFiles }),
      ...(processes === undefined ? {} : { processes }),
    };
  }
  return extras;
}
