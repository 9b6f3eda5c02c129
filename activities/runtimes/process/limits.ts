import { createHash } from 'node:crypto';
import { parseResourceKey, type ResourceKey } from '../../../domain/resource';
import type { ProcessLimits } from '../../../domain/runtime-spec';
import { lastLines, runCommand } from '../../../platform/command';
import type { ProcessContext } from './context';
import { findControlGroups, limitFiles, makeGroups, removeGroups } from './control-groups';

const PRLIMIT_TIMEOUT_MS = 5_000;

/**
 * Enters the groups named before `--` and becomes the command behind it, in the same process: to
 * move it from outside after its start would let its first children escape. The text is fixed, and
 * the command is never read as one.
 */
const ENTER =
  'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 126; shift; done; shift; exec "$@"';

/** The words to put before a command so that it starts within its limits. Throws where one cannot be enforced. */
export async function withinLimits(
  context: ProcessContext,
  resource: ResourceKey,
  limits: ProcessLimits | undefined,
): Promise<string[]> {
  if (limits === undefined) return [];
  const groups = findControlGroups();
  const files = limitFiles(limits, groups);
  const folders = await makeGroups(groupName(context, resource), files, groups);
  const prlimit = await openFilesPrefix(limits.openFiles);
  return folders.length === 0
    ? prlimit
    : ['/bin/sh', '-c', ENTER, 'enter', ...folders, '--', ...prlimit];
}

/** Takes away the groups of what has stopped. */
export async function releaseLimits(context: ProcessContext, resource: ResourceKey): Promise<void> {
  await removeGroups(groupName(context, resource), findControlGroups());
}

/** Two Vigils on one host never share a group. */
function groupName({ home }: ProcessContext, resource: ResourceKey): string {
  const { namespace, name } = parseResourceKey(resource);
  const owner = createHash('sha256').update(home).digest('hex').slice(0, 8);
  return `vigil.${owner}.${namespace}.${name}`;
}

/** Tried on nothing first: more than the worker's own hard limit takes root. */
async function openFilesPrefix(openFiles: number | undefined): Promise<string[]> {
  if (openFiles === undefined) return [];
  const prefix = ['prlimit', `--nofile=${openFiles}:${openFiles}`];
  const { exitCode, stderr } = await runCommand([...prefix, 'true'], {
    timeoutMs: PRLIMIT_TIMEOUT_MS,
  }).catch((cause: unknown) => {
    throw new Error(
      'the limit "openFiles" cannot be enforced: prlimit (package util-linux) is not there',
      { cause },
    );
  });
  if (exitCode === 0) return prefix;
  throw new Error(`the limit "openFiles" cannot be enforced: ${lastLines(stderr, 1).join('')}`);
}
