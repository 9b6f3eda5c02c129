import { execFile } from 'node:child_process';

export interface CommandOptions {
  timeoutMs: number;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

export interface CommandResult {
  /** Null: it was ended by a signal, or by the time-out. */
  exitCode: number | null;
  isTimedOut: boolean;
  stdout: string;
  stderr: string;
}

const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

/**
 * Runs a program without a shell and waits for its end; at the time-out (ms) it is killed. Whatever
 * its exit code, it is an answer; rejects (with an errno `code`) only where it could not be run.
 */
export function runCommand(
  [program = '', ...args]: readonly string[],
  { timeoutMs, env, cwd }: CommandOptions,
): Promise<CommandResult> {
  const options = {
    ...{ timeout: timeoutMs, killSignal: 'SIGKILL' as const, maxBuffer: MAX_OUTPUT_BYTES },
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { cwd }),
  };
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code === 'string') {
        const refused: Error = error;
        reject(refused);
        return;
      }
      const isKilled = error?.killed === true;
      resolve({
        exitCode: error === null ? 0 : typeof error.code === 'number' ? error.code : null,
        isTimedOut: isKilled && performance.now() - startedAt >= timeoutMs,
        stdout,
        stderr,
      });
    });
  });
}

/** The last lines that are not empty, for people. */
export function lastLines(text: string, count: number): string[] {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-count);
}
