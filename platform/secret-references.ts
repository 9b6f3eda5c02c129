import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const REFERENCE = /^(file|env|exec):(.+)$/s;
const EXEC_TIMEOUT_MS = 10_000;

/** Says which reference could not be resolved and what to do; never holds a value or an output. */
export class SecretError extends Error {
  /** A new try may help (a command that failed or took too long). */
  readonly isTransient: boolean;

  constructor(message: string, options: { cause?: unknown; isTransient?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.name = 'SecretError';
    this.isTransient = options.isTransient ?? false;
  }
}

export interface ResolveOptions {
  env?: NodeJS.ProcessEnv;
  /** Of an `exec:` command, ms. */
  timeoutMs?: number;
}

/** `file:PATH`, `env:NAME` or `exec:COMMAND ARG…`; anything else is a plain value. */
export function isSecretReference(text: string): boolean {
  return REFERENCE.test(text);
}

/**
 * The value behind a reference; a plain value stands for itself. A trailing line break of a file or
 * of a command's output is cut off. `exec:` runs the program without a shell, its arguments split on
 * white space. Throws SecretError.
 */
export async function resolveSecret(text: string, options: ResolveOptions = {}): Promise<string> {
  const match = REFERENCE.exec(text);
  if (match === null) return text;
  const value = await lookUp(match[1] as 'file' | 'env' | 'exec', (match[2] ?? '').trim(), options);
  // Left to spawn, the error about a NUL character would print the value.
  if (value.includes('\0')) throw new SecretError(`the value of "${text}" holds a NUL character`);
  return value;
}

async function lookUp(
  kind: 'file' | 'env' | 'exec',
  argument: string,
  options: ResolveOptions,
): Promise<string> {
  switch (kind) {
    case 'file':
      return fromFile(argument);
    case 'env':
      return fromEnvironment(argument, options.env ?? process.env);
    case 'exec':
      return fromCommand(argument, options.timeoutMs ?? EXEC_TIMEOUT_MS);
  }
}

async function fromFile(path: string): Promise<string> {
  try {
    return withoutLineBreak(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new SecretError(
      `secret file ${path} cannot be read (${codeOf(cause)}); create it, readable for Vigil's user`,
      { cause },
    );
  }
}

function fromEnvironment(name: string, env: NodeJS.ProcessEnv): string {
  const value = env[name];
  if (value === undefined) {
    throw new SecretError(`secret variable ${name} is not set in the environment of the worker`);
  }
  return value;
}

async function fromCommand(line: string, timeoutMs: number): Promise<string> {
  const [program = '', ...args] = line.split(/\s+/);
  try {
    const { stdout } = await promisify(execFile)(program, args, {
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      encoding: 'utf8',
    });
    return withoutLineBreak(stdout);
  } catch (cause) {
    // The cause holds the command's output, which may be the secret: only its code is told.
    throw new SecretError(
      `secret command "${program}" failed (${codeOf(cause)}, limit ${timeoutMs} ms); run it by hand as Vigil's user`,
      { isTransient: true },
    );
  }
}

function codeOf(error: unknown): string {
  const { code, signal } = error as { code?: string | number | null; signal?: string | null };
  return String(code ?? signal ?? 'unknown error');
}

function withoutLineBreak(text: string): string {
  return text.replace(/\r?\n$/, '');
}
