import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import type { Problem } from '../../language/problem';
import { ALIASES, ConfigError, loadConfig } from '../../platform/config-loader';
import { duration } from '../../platform/config-sections';
import { CliFailure } from '../failure';
import { repositoryRoot } from '../up/paths';
import { PROCESS_NAMES, processMain } from '../up/processes';

const DEADLINE_MS = 120_000;

/** How a process says that its configuration has problems. */
const FOUND_PROBLEMS = 2;

/** What every process finds in a configuration file, each problem once, in order of their places. */
export async function checkConfiguration(file: string): Promise<Problem[]> {
  const found = await Promise.all(PROCESS_NAMES.map((name) => askProcess(name, file)));
  const lines = [...new Set(found.flat())];
  return lines
    .map((line) => toProblem(line, file))
    .sort((a, b) => a.line - b.line || a.column - b.column);
}

async function askProcess(name: string, file: string): Promise<string[]> {
  const main = processMain(name, repositoryRoot()) ?? join('dist', name);
  const { code, stdout, stderr } = await execute([main, '--check-config'], environmentFor(file));
  if (code === 0) return [];
  if (code === FOUND_PROBLEMS) return stdout.split('\n').filter((line) => line !== '');
  throw new CliFailure(`the process ${name} could not check ${file}: ${stderr.trim()}`);
}

/** The file is judged alone: what this shell happens to set would hide its values. */
function environmentFor(file: string): NodeJS.ProcessEnv {
  const aliases = Object.values(ALIASES);
  const rest = Object.entries(process.env).filter(
    ([key]) => !key.startsWith('VIGIL_') && !aliases.includes(key),
  );
  return { ...Object.fromEntries(rest), CONFIG_PATH: file };
}

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function execute(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { env, timeout: DEADLINE_MS };
    const child = execFile(process.execPath, args, options, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}

/** `file:line:col: message`; what has no place is told at the file's beginning. */
function toProblem(text: string, file: string): Problem {
  const rest = text.startsWith(`${file}:`) ? text.slice(file.length + 1) : text;
  const [, line, column, message] = /^(\d+):(\d+): (.*)$/.exec(rest) ?? [];
  const place = { line: Number(line ?? 1), column: Number(column ?? 1) };
  return { file, ...place, message: message ?? rest.trim(), severity: 'error' };
}

const retentionSchema = z.object({
  api: z.looseObject({ retention: duration.optional() }).prefault({}),
});

/** `api.retention` of a configuration file in ms; null where it is not given, or not readable. */
export function retentionOf(file: string): number | null {
  try {
    return loadConfig(retentionSchema, { env: {}, path: file }).api.retention ?? null;
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}
