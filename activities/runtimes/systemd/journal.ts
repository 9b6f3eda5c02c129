import { lastLines, runCommand } from '../../../platform/command';
import { environmentOf, type SystemdContext, type Unit } from './context';

const LINES = 20;

/** The newest lines of a unit in the journal, oldest first; null where it cannot be read. */
export async function journalTail(
  context: SystemdContext,
  { unit, scope }: Unit,
): Promise<string[] | null> {
  const filter = scope === 'user' ? `--user-unit=${unit}` : `--unit=${unit}`;
  const command = [...context.journalctl, '--quiet', '--no-pager', '--output=short-iso'];
  const result = await runCommand([...command, `--lines=${LINES}`, filter], {
    timeoutMs: context.askTimeoutMs,
    env: environmentOf(scope),
  }).catch(() => null);
  return result?.exitCode === 0 ? lastLines(result.stdout, LINES) : null;
}
