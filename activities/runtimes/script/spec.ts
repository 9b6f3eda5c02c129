import { z } from 'zod';
import { ownVerbFaults } from '../../../domain/action/opaque';
import { templateFault } from '../../../domain/action/template';
import type { RuntimeCatalogue } from '../../../domain/action/runtime';
import { duration } from '../../../platform/config-sections';
import { isSecretReference } from '../../../platform/secret-references';

export const SCRIPT_LIMITS = {
  defaultTimeoutMs: 30_000,
  /** Leaves room for the ending of what runs and for one look, inside an act's two minutes. */
  maxTimeoutMs: 90_000,
  inspectTimeoutMs: 10_000,
  /** From SIGTERM to SIGKILL. */
  killAfterMs: 5_000,
  /** How much of each stream is kept: its first and its last half. */
  outputBytes: 64 * 1024,
};

const isList = (given: unknown): given is unknown[] => Array.isArray(given);

function commandOf(options: { hasAction: boolean }): z.ZodType<string[]> {
  const words = z
    .array(z.string().refine((word) => !word.includes('\0'), 'must not hold a NUL character'))
    .min(1, 'must be a list: the program and its arguments')
    .superRefine(([program, ...args], context) => {
      const report = (index: number, message: string): void => {
        context.addIssue({ code: 'custom', path: [index], message });
      };
      if (program === '') report(0, 'must name a program');
      if (/[{}]/.test(program ?? ''))
        report(0, 'must not hold placeholders: they are for arguments');
      args.forEach((word, i) => {
        const fault = templateFault(word, options);
        if (fault !== null) report(i + 1, fault);
      });
    });
  return z
    .custom<unknown[]>(isList, 'must be a list: the program and its arguments; no shell reads it')
    .pipe(words);
}

const timeout = duration
  .refine(
    (ms) => ms >= 1 && ms <= SCRIPT_LIMITS.maxTimeoutMs,
    `must be between 1ms and ${SCRIPT_LIMITS.maxTimeoutMs / 1000}s`,
  )
  .default(SCRIPT_LIMITS.defaultTimeoutMs);

const action = z
  .strictObject({
    command: commandOf({ hasAction: true }),
    timeout,
    idempotent: z.boolean().default(false),
  })
  .transform(({ timeout: timeoutMs, ...rest }) => ({ ...rest, timeoutMs }));

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** With these a program runs code from anywhere, and the allow-listed folders would mean nothing. */
const LOADER =
  /^(LD_\w*|DYLD_\w*|BASH_ENV|ENV|SHELLOPTS|BASHOPTS|PS4|NODE_OPTIONS|NODE_PATH|PYTHON\w+|PERL5\w+|RUBYOPT|RUBYLIB)$/;

function variableFault(name: string): string | null {
  if (!VARIABLE.test(name)) return `"${name}" is no name of an environment variable`;
  if (name.startsWith('VIGIL_')) return `"${name}": VIGIL_… is set by Vigil alone`;
  if (LOADER.test(name)) return `"${name}" would load code from outside of the allowed folders`;
  return null;
}

const environment = z
  .strictObject({
    allow: z.array(z.string()).default(['PATH', 'LANG']),
    set: z.record(z.string(), z.string()).default({}),
  })
  .superRefine(({ allow, set }, context) => {
    allow.forEach((name, i) => {
      const message = variableFault(name);
      if (message !== null) context.addIssue({ code: 'custom', path: ['allow', i], message });
    });
    for (const [name, text] of Object.entries(set)) {
      const message = variableFault(name) ?? secretFault(text);
      if (message !== null) context.addIssue({ code: 'custom', path: ['set', name], message });
    }
  });

/** `exec:` would run a program from anywhere. */
function secretFault(text: string): string | null {
  const isCommand = isSecretReference(text) && text.startsWith('exec:');
  return isCommand ? 'must not be an exec: reference here; use file: or env:' : null;
}

/** `spec.runtime` of a Service; its output is a ScriptSpec. */
const schema = z.strictObject({
  type: z.literal('script'),
  actions: z.record(z.string(), action).superRefine((all, context) => {
    for (const { name, message } of ownVerbFaults(Object.keys(all))) {
      context.addIssue({ code: 'custom', path: name === null ? [] : [name], message });
    }
  }),
  inspect: z
    .strictObject({ command: commandOf({ hasAction: false }) })
    .nullable()
    .default(null),
  env: environment.prefault({}),
  cwd: z.string().startsWith('/', 'must be a full path').nullable().default(null),
});

/** Runtime `script`: commands of a person's own, one per verb. */
export const SCRIPT_CATALOGUE: RuntimeCatalogue = {
  type: 'script',
  schema,
  verbs: [],
  openVerbs: true,
  aliases: {},
};
