import { TransientError } from '../../../domain/action/runtime';
import { lastLines, runCommand, type CommandResult } from '../../../platform/command';
import { environmentOf, type SystemdContext, type Unit } from './context';
import { parseProperties, PROPERTY_NAMES, type UnitState } from './properties';

interface Refusal {
  says: RegExp;
  isTransient?: boolean;
  remedy: (unit: Unit) => string;
}

/** What systemctl says when it is not the unit that is at fault; the first that matches. */
const REFUSALS: readonly Refusal[] = [
  {
    says: /not been booted with systemd/,
    remedy: () => 'this host was not booted with systemd; use runtime process or docker here',
  },
  {
    says: /Access denied|Permission denied|[Aa]uthentication (is )?required|not permitted/,
    remedy: ({ unit }) =>
      `Vigil's user may not manage ${unit}; run the worker as root or allow it by a polkit rule`,
  },
  {
    says: /Connection (timed out|reset)|Transport endpoint|Disconnected from|Connection refused|Remote peer/,
    isTransient: true,
    remedy: () => 'systemd did not answer',
  },
  {
    says: /Failed to connect to bus|No medium found/,
    remedy: ({ scope }) =>
      scope === 'user'
        ? "the manager of Vigil's user does not run; `loginctl enable-linger USER` keeps it running"
        : 'the bus of systemd cannot be reached from here',
  },
];

/** What systemd knows of a unit, one that is not there included. Throws where it cannot be asked. */
export async function showUnit(context: SystemdContext, unit: Unit): Promise<UnitState> {
  const args = ['show', `--property=${PROPERTY_NAMES.join(',')}`];
  const { exitCode, stdout, stderr } = await systemctl(context, unit, args);
  if (exitCode === 0) return parseProperties(stdout);
  throw new Error(`${unit.unit} cannot be looked at: ${lastLines(stderr, 1).join('')}`);
}

export type Job = 'restart' | 'start' | 'stop' | 'reload' | 'reset-failed';

/** Null: the job was done; else what systemctl says. Throws where systemd could not be asked for it. */
export async function runJob(
  context: SystemdContext,
  unit: Unit,
  job: Job,
): Promise<string | null> {
  const { exitCode, stderr } = await systemctl(context, unit, [job]);
  if (exitCode === 0) return null;
  return lastLines(stderr, 3)[0] ?? `systemctl ended with ${exitCode ?? 'a signal'}`;
}

async function systemctl(
  context: SystemdContext,
  unit: Unit,
  args: readonly string[],
): Promise<CommandResult> {
  const timeoutMs = args[0] === 'show' ? context.askTimeoutMs : context.jobTimeoutMs;
  const command = [
    ...context.systemctl,
    ...(unit.scope === 'user' ? ['--user'] : []),
    ...['--no-ask-password', '--no-pager', ...args, '--', unit.unit],
  ];
  const result = await runCommand(command, { timeoutMs, env: environmentOf(unit.scope) }).catch(
    (cause: unknown) => {
      const { code } = cause as NodeJS.ErrnoException;
      throw new Error(
        `systemctl cannot be run (${code ?? 'unknown error'}): runtime systemd needs a host with systemd`,
        { cause },
      );
    },
  );
  // The job goes on without its systemctl: the next try finds it done, or joins it.
  if (result.isTimedOut)
    throw new TransientError(`${args[0] ?? ''} ${unit.unit} is not done after ${timeoutMs} ms`);
  const refusal = REFUSALS.find(({ says }) => result.exitCode !== 0 && says.test(result.stderr));
  if (refusal === undefined) return result;
  const message = `${refusal.remedy(unit)} (systemctl: ${lastLines(result.stderr, 3).join(' ')})`;
  throw refusal.isTransient === true ? new TransientError(message) : new Error(message);
}
