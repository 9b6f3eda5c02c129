import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SourceConfig } from '../config';
import type { Render } from '../sources/source';
import { runTool } from './run-tool';

type RenderConfig = NonNullable<SourceConfig['render']>;

/** One way to render: the program and its arguments, tried in order until one is there. */
interface Tool {
  program: string;
  args: string[];
}

/** What is written to standard output is taken as one file of manifests. */
export function createRender(config: RenderConfig): Render {
  return async (folder, label) => {
    const home = await mkdtemp(join(tmpdir(), 'vigil-render-'));
    try {
      for (const tool of toolsOf(config, folder)) {
        const result = await run(tool, { folder, label, home, timeoutMs: config.timeout });
        if (result === 'absent') continue;
        return result;
      }
    } finally {
      await rm(home, { recursive: true, force: true });
    }
    return { kind: 'refused', problems: [`${label}: ${MISSING[config.type]}`] };
  };
}

const MISSING: Readonly<Record<RenderConfig['type'], string>> = {
  kustomize: 'kustomize is needed to render it; install kustomize or kubectl on the gitops host',
  helm: 'helm is needed to render it; install helm on the gitops host',
};

function toolsOf(config: RenderConfig, folder: string): Tool[] {
  if (config.type === 'kustomize') {
    return [
      { program: 'kustomize', args: ['build', folder] },
      { program: 'kubectl', args: ['kustomize', folder] },
    ];
  }
  const namespace = config.namespace === undefined ? [] : ['--namespace', config.namespace];
  const values = config.values.flatMap((file) => ['--values', join(folder, file)]);
  const args = ['template', config.release, folder, ...namespace, ...values];
  return [{ program: 'helm', args }];
}

interface Place {
  folder: string;
  label: string;
  home: string;
  timeoutMs: number;
}

async function run(
  { program, args }: Tool,
  { folder, label, home, timeoutMs }: Place,
): Promise<Awaited<ReturnType<Render>> | 'absent'> {
  const env = { PATH: process.env['PATH'], HOME: home, LC_ALL: 'C' };
  const refused = (why: string) => ({
    kind: 'refused' as const,
    problems: [`${label}: ${program} ${args[0] ?? ''}: ${why}`],
  });
  try {
    const result = await runTool(program, args, { timeoutMs, env, cwd: folder });
    if (result.kind === 'late') return refused(`took longer than ${timeoutMs} ms`);
    if (result.kind === 'overflow') return refused('wrote more than 16 MiB');
    if (result.exitCode !== 0) return refused(firstLines(result.stderr));
    return { kind: 'files', files: [{ path: `${label} (rendered)`, text: result.stdout }] };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 'absent';
    throw error;
  }
}

const MAX_LINES = 5;

function firstLines(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(0, MAX_LINES).join(' | ') || 'it failed and said nothing';
}
