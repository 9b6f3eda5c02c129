import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type as system } from 'node:os';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { repositoryRoot } from '../../cli/up/paths';

/** One run of one benchmark, ready to be written down. */
export interface Report {
  /** The aim and whether it was met, one line each. */
  findings: readonly string[];
  tables: readonly string[];
  /** What a reader must know to read the figures right. */
  notes: readonly string[];
}

export interface Run {
  name: string;
  /** What the benchmark does, and what its baseline is. */
  about: string;
  isQuick: boolean;
  /** As given after the name. */
  args: readonly string[];
  /** When it began. */
  startedAt: Date;
  machine: string;
  report: Report;
}

const HEAD = `# Benchmarks

Written by \`npm run bench -- NAME\`, newest first. Every figure stands beside a baseline that was
measured in the same run, because machines differ more than versions do: compare ratios, not
milliseconds. A *quick run* (\`--quick\`) only shows that the benchmark works; the next run of the same
benchmark takes its place.
`;
/** Full runs that are kept of each benchmark. */
const KEPT = 5;
const QUICK = ', quick run, no record';

/** Puts a run first in its benchmark's section of bench/results.md; returns the text written. */
export async function writeRun(run: Run): Promise<string> {
  const path = join(repositoryRoot(), 'bench/results.md');
  const sections = parse(existsSync(path) ? readFileSync(path, 'utf8') : '');
  const earlier = (sections.get(run.name) ?? []).filter((block) => !isQuick(block));
  const block = render(run);
  sections.set(run.name, [run.about, block, ...earlier.slice(1, run.isQuick ? KEPT + 1 : KEPT)]);
  const names = [...sections.keys()].sort();
  const texts = names.map((name) => [`## ${name}`, ...(sections.get(name) ?? [])].join('\n\n'));
  const text = [HEAD, ...texts].join('\n\n');
  // The repository's format check reads this file, too.
  const style = await resolveConfig(path);
  writeFileSync(path, await format(text, { ...style, parser: 'markdown' }));
  return block;
}

/** Processor, memory, system, versions and what else the machine was doing. Taken before a run. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const gib = (totalmem() / 2 ** 30).toFixed(1);
  const load = loadavg().map((value) => value.toFixed(1));
  return [
    `${availableParallelism()} × ${model}, ${gib} GiB, ${system()} ${release()}, Node ${process.version}`,
    `commit ${commit()}`,
    `load average before the run ${load.join(' / ')}`,
  ].join('; ');
}

/** A table in Markdown; the first column is text, the others are figures. */
export function table(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** Section name → its description, then its runs. */
function parse(text: string): Map<string, string[]> {
  const sections = new Map<string, string[]>();
  for (const section of text.split(/^## /m).slice(1)) {
    const [name = '', ...lines] = section.split('\n');
    const [about = '', ...runs] = lines.join('\n').split(/^(?=### )/m);
    sections.set(
      name.trim(),
      [about, ...runs].map((block) => block.trim()),
    );
  }
  return sections;
}

function isQuick(block: string): boolean {
  return block.split('\n', 1)[0]?.endsWith(QUICK) === true;
}

function render({ name, isQuick, args, startedAt, machine, report }: Run): string {
  const when = `${startedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const { findings, tables, notes } = report;
  return [
    `### ${when}${isQuick ? QUICK : ''}`,
    `\`npm run bench -- ${[name, ...args].join(' ')}\` on ${machine}.`,
    findings.map((finding) => `- ${finding}`).join('\n'),
    ...tables,
    ...(notes.length === 0 ? [] : [notes.map((note) => `- ${note}`).join('\n')]),
  ].join('\n\n');
}

function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: repositoryRoot(), encoding: 'utf8' }).trim();
  try {
    const changes = git('status', '--porcelain', '--untracked-files=no', ':!bench');
    return git('rev-parse', '--short', 'HEAD') + (changes === '' ? '' : ' with changes');
  } catch {
    return 'unknown';
  }
}
