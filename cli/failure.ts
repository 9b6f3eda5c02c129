/**
 * How a command says that it did not end well. `cli/main.ts` prints `message` (if any) to standard
 * error and exits with `exitCode`: 1 found problems, 2 usage.
 */
export class CliFailure extends Error {
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliFailure';
    this.exitCode = exitCode;
  }
}

/** What was asked makes no sense: exit 2. */
export function usageError(message: string): CliFailure {
  return new CliFailure(message, 2);
}
