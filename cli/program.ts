import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../platform/config-loader';
import { CliFailure } from './failure';
import { repositoryRoot } from './up/paths';

interface CommandModule {
  register?: (program: Command) => void;
}

const USAGE = 2;

/** Runs one command line; returns the exit code: 0 ok, 1 found problems, 2 usage. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const program = await createProgram();
  try {
    await program.parseAsync(argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return explain(error);
  }
}

/** The program with every command of commands/; a command loads what it needs when it runs. */
export async function createProgram(): Promise<Command> {
  const program = new Command('vigil')
    .description('A self-healing control plane for services on VMs, bare metal and container hosts')
    .version(readVersion())
    .exitOverride()
    .showHelpAfterError('(add --help for what is possible)');
  const folder = join(__dirname, 'commands');
  for (const file of readdirSync(folder)
    .filter((name) => /^[^.]+\.(js|ts)$/.test(name))
    .sort()) {
    const found = (await import(join(folder, file))) as CommandModule;
    found.register?.(program);
  }
  return program;
}

function readVersion(): string {
  const text = readFileSync(join(repositoryRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function explain(error: unknown): number {
  // Commander has printed it by itself; help and version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  const message = error instanceof Error ? error.message : String(error);
  for (const line of message.split('\n').filter((text) => text !== '')) {
    console.error(`vigil: ${line}`);
  }
  if (error instanceof CliFailure) return error.exitCode;
  // Anything else is a mistake in Vigil, and its place is what one needs to know.
  if (error instanceof Error && !(error instanceof ConfigError)) console.error(error.stack);
  return 1;
}
