import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { CATALOGUES } from '../../activities/catalogue';
import { parseManifests, type CompiledManifest } from '../../language/manifest/compile';
import { formatProblem, type Problem } from '../../language/problem';
import { CliFailure, usageError } from '../failure';
import { optionsOf, printer } from '../output';

const DEFAULT_FOLDER = 'manifests';
const MANIFEST = /\.(ya?ml|json)$/i;

export function register(program: Command): void {
  const command = program
    .command('check')
    .description('check manifests without a server; every problem at file:line:col')
    .argument('[paths...]', `files and folders; default: ${DEFAULT_FOLDER}/`)
    .option('--json', 'print the problems as JSON');
  command.action((paths: string[]) => {
    const files = manifestFiles(paths.length === 0 ? [DEFAULT_FOLDER] : paths);
    const { objects, problems } = checkFiles(files);
    const print = printer(command);
    if (optionsOf(command).flag('json')) {
      print(JSON.stringify({ files: files.length, objects: objects.length, problems }, null, 2));
    } else {
      print(...problems.map(formatLine), summary(files, objects, problems));
    }
    if (problems.some(({ severity }) => severity === 'error')) throw new CliFailure('');
  });
}

/** Every manifest below the paths, in order; names that begin with a dot are left out. Throws usageError. */
export function manifestFiles(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (!existsSync(path)) throw usageError(`${path} does not exist`);
    return statSync(path).isDirectory() ? filesBelow(path) : [path];
  });
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(path);
      return MANIFEST.test(entry.name) ? [path] : [];
    });
}

export interface Checked {
  objects: CompiledManifest[];
  problems: Problem[];
}

/** Checks each file by itself, and that no object is described in two of them. */
export function checkFiles(files: readonly string[]): Checked {
  const checked: Checked = { objects: [], problems: [] };
  for (const file of files) {
    const { objects, problems } = parseManifests(read(file), { file, catalogue: CATALOGUES });
    checked.problems.push(...problems);
    for (const object of objects) {
      const other = checked.objects.find((one) => idOf(one) === idOf(object));
      if (other === undefined) checked.objects.push(object);
      else checked.problems.push(describedTwice(object, other));
    }
  }
  return checked;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CliFailure(`${file} cannot be read`, 1, { cause });
  }
}

function idOf({ kind, namespace, name }: CompiledManifest): string {
  return `${kind} ${namespace}/${name}`;
}

function describedTwice(object: CompiledManifest, other: CompiledManifest): Problem {
  const message = `${idOf(object)} is described in ${other.file}:${other.line}, too`;
  return { file: object.file, line: object.line, column: 1, message, severity: 'error' };
}

function formatLine(problem: Problem): string {
  const line = formatProblem(problem);
  return problem.severity === 'warning' ? `${line} (warning)` : line;
}

function summary(
  files: readonly string[],
  objects: readonly CompiledManifest[],
  problems: readonly Problem[],
): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const where = count(files.length, 'file');
  if (errors > 0) return `${count(errors, 'problem')} in ${where}`;
  const services = objects.filter(({ kind }) => kind === 'Service').length;
  const policies = objects.length - services;
  return `${where} checked: ${count(services, 'Service')}, ${policies} ${policies === 1 ? 'Policy' : 'Policies'}, no problems`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
