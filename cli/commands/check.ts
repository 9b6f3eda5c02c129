import type { Command } from 'commander';
import { CATALOGUES } from '../../activities/catalogue';
import { parseManifests, type CompiledManifest } from '../../language/manifest/compile';
import { lintTogether } from '../../language/lint/together';
import { MANIFEST_KINDS } from '../../language/manifest/kinds';
import { formatProblem, type Problem } from '../../language/problem';
import { checkConfiguration, retentionOf } from '../check/configurations';
import { DEFAULT_FOLDER, defaultFiles, filesIn, type CheckedFile } from '../check/files';
import { NEITHER, type FileKind } from '../check/kind';
import { CliFailure } from '../failure';
import { optionsOf, printer } from '../output';

export function register(program: Command): void {
  const command = program
    .command('check')
    .description(
      'check manifests and configurations without a server; every problem at file:line:col',
    )
    .argument(
      '[paths...]',
      `files and folders; default: ${DEFAULT_FOLDER}/, configs/ and the file of CONFIG_PATH`,
    )
    .option('--json', 'print the problems as JSON');
  command.action(async (paths: string[]) => {
    const files = paths.length === 0 ? defaultFiles(process.env) : filesIn(paths);
    const checked = await checkFiles(files);
    const print = printer(command);
    if (optionsOf(command).flag('json')) {
      print(JSON.stringify(toJson(checked), null, 2));
    } else {
      print(...checked.problems.map(formatLine), summary(checked));
    }
    if (checked.problems.some(isError)) throw new CliFailure('');
  });
}

function isError({ severity }: Problem): boolean {
  return severity === 'error';
}

interface Checked {
  files: number;
  configurations: number;
  objects: CompiledManifest[];
  problems: Problem[];
}

async function checkFiles(files: readonly CheckedFile[]): Promise<Checked> {
  const of = (kind: FileKind) => files.filter((file) => file.kind === kind);
  const configurations = of('configuration').map(({ path }) => path);
  const problems = of('neither').map(({ path }) => neither(path));
  for (const path of configurations) problems.push(...(await checkConfiguration(path)));
  const retentions = configurations.map(retentionOf).filter((ms) => ms !== null);
  // With several, what a policy looks at must be kept by each.
  const retention = retentions.length === 0 ? {} : { retentionMs: Math.min(...retentions) };
  const found = checkManifests(of('manifest'), retention);
  return {
    files: files.length,
    configurations: configurations.length,
    objects: found.objects,
    problems: [...problems, ...found.problems],
  };
}

/** Checks each file by itself, that no object is described in two of them, and what they say together. */
function checkManifests(
  files: readonly CheckedFile[],
  retention: { retentionMs?: number },
): Pick<Checked, 'objects' | 'problems'> {
  const checked: Pick<Checked, 'objects' | 'problems'> = { objects: [], problems: [] };
  for (const { path, text } of files) {
    const options = { file: path, catalogue: CATALOGUES, ...retention };
    const { objects, problems } = parseManifests(text, options);
    checked.problems.push(...problems);
    for (const object of objects) {
      const other = checked.objects.find((one) => idOf(one) === idOf(object));
      if (other === undefined) checked.objects.push(object);
      else checked.problems.push(describedTwice(object, other));
    }
  }
  // What seems to be nowhere may be in a manifest that is broken.
  const isWhole = !checked.problems.some(isError);
  const together = lintTogether(checked.objects, CATALOGUES);
  checked.problems.push(...(isWhole ? together : together.filter(isError)));
  return checked;
}

function idOf({ kind, namespace, name }: CompiledManifest): string {
  return `${kind} ${namespace}/${name}`;
}

function describedTwice(object: CompiledManifest, other: CompiledManifest): Problem {
  const message = `${idOf(object)} is described in ${other.file}:${other.line}, too`;
  return { file: object.file, line: object.line, column: 1, message, severity: 'error' };
}

function neither(file: string): Problem {
  return { file, line: 1, column: 1, message: NEITHER, severity: 'error' };
}

function toJson({ files, configurations, objects, problems }: Checked): unknown {
  return { files, configurations, objects: objects.length, problems };
}

function formatLine(problem: Problem): string {
  const line = formatProblem(problem);
  return problem.severity === 'warning' ? `${line} (warning)` : line;
}

function summary({ files, configurations, objects, problems }: Checked): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const where = count(files, 'file');
  if (errors > 0) return `${count(errors, 'problem')} in ${where}`;
  const parts = [
    ...MANIFEST_KINDS.flatMap((kind) => {
      const number = objects.filter((object) => object.kind === kind).length;
      const isAlwaysSaid = kind === 'Service' || kind === 'Policy';
      return number > 0 || isAlwaysSaid ? [count(number, kind)] : [];
    }),
    ...(configurations === 0 ? [] : [count(configurations, 'configuration')]),
    problems.length === 0 ? 'no problems' : `no errors, ${count(problems.length, 'warning')}`,
  ];
  return `${where} checked: ${parts.join(', ')}`;
}

function count(number: number, noun: string): string {
  return `${number} ${number === 1 ? noun : pluralOf(noun)}`;
}

function pluralOf(noun: string): string {
  if (noun.endsWith('s')) return noun;
  return noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`;
}
