import { basename } from 'node:path';
import { UnknownEffectError, type StepResult } from '../../../domain/action/runtime';
import { firstLines, lastLines } from '../../../platform/output-capture';
import type { Ended, Run } from './run';

const LAST_LINES = 20;
const FIRST_LINES = 5;

/** What is told of a run; `secrets` show nowhere. Throws where it did not end with exit code 0. */
export function resultOf(
  ended: Ended,
  { run, secrets, idempotent }: { run: Run; secrets: readonly string[]; idempotent: boolean },
): Omit<StepResult, 'identity'> {
  const { how, durationMs } = ended;
  const program = basename(run.path);
  const said = lastWords(ended, secrets);
  const unknown = (message: string): Error =>
    idempotent ? new Error(message) : new UnknownEffectError(message);
  switch (how.kind) {
    case 'exited':
      if (how.code !== 0) throw new Error(`${program} exited with code ${how.code}${said}`);
      return {
        summary: `ran ${program}: exit code 0 after ${durationMs} ms`,
        details: { exitCode: 0, durationMs, ...output(ended, secrets) },
      };
    case 'killed':
      throw unknown(`${program} was killed by ${how.signal}${said}`);
    case 'stopped':
      throw unknown(`${program} ${stoppedBecause(how.reason, run)}${leftOver(ended)}${said}`);
  }
}

function stoppedBecause(reason: 'timeout' | 'cancelled', { timeoutMs }: Run): string {
  return reason === 'timeout'
    ? `did not end within ${timeoutMs} ms and was ended with all that it had started`
    : 'was ended with all that it had started, because the action was cancelled';
}

function leftOver({ leftOver: pids }: Ended): string {
  return pids.length === 0 ? '' : ` (not ended, they run as another user: ${pids.join(', ')})`;
}

/** The last line that it printed: errors first. */
function lastWords({ stderr, stdout }: Ended, secrets: readonly string[]): string {
  for (const stream of [stderr, stdout]) {
    const [line] = lastLines(stream.captured(secrets).text, 1);
    if (line !== undefined) return `: ${line}`;
  }
  return '';
}

/** The last lines of each stream, and its first ones where the last are not all. */
function output(ended: Ended, secrets: readonly string[]): Record<string, unknown> {
  const told: Record<string, unknown> = {};
  for (const name of ['stdout', 'stderr'] as const) {
    const { text, totalBytes, leftOutBytes } = ended[name].captured(secrets);
    if (totalBytes === 0) continue;
    const last = lastLines(text, LAST_LINES);
    const isAll = lastLines(text, LAST_LINES + 1).length === last.length;
    told[name] = {
      ...(isAll ? {} : { firstLines: firstLines(text, FIRST_LINES) }),
      lastLines: last,
      bytes: totalBytes,
      ...(leftOutBytes === 0 ? {} : { leftOutBytes }),
    };
  }
  return told;
}
