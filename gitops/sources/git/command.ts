import { simpleGit, type SimpleGit } from 'simple-git';
import { SourceAwayError } from '../source';
import { sshCommand, type Access } from './access';

/** Runs git in one repository; rejects with SourceAwayError in words of a person, never with a secret. */
export type Git = (args: readonly string[], options?: GitOptions) => Promise<string>;

interface GitOptions {
  /** Files are written there. */
  workTree?: string;
  /** Settings for this command alone. */
  settings?: Readonly<Record<string, string>>;
  /** Environment for this command alone. */
  env?: Readonly<Record<string, string>>;
}

export interface GitContext {
  /** The bare repository. */
  folder: string;
  access: Access;
  timeoutMs: number;
}

/** What git may hear from us and from nobody else: no file of a user or of the system is read. */
const SETTINGS: Readonly<Record<string, string>> = {
  'core.hooksPath': '/dev/null',
  'core.symlinks': 'false',
  'core.autocrlf': 'false',
  'core.fsmonitor': 'false',
  'gc.auto': '0',
  'http.followRedirects': 'false',
  'protocol.allow': 'never',
  'protocol.https.allow': 'always',
  'protocol.http.allow': 'always',
  'protocol.ssh.allow': 'always',
  'submodule.recurse': 'false',
  'transfer.fsckObjects': 'true',
};

export function createGit({ folder, access, timeoutMs }: GitContext): Git {
  return async (args, { workTree, settings: own = {}, env = {} } = {}) => {
    const settings = { ...SETTINGS, ...(await access.settings()), ...own };
    const variables: Record<string, string> = {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      LC_ALL: 'C',
      HOME: folder,
      GIT_DIR: folder,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_LFS_SKIP_SMUDGE: '1',
      GIT_SSH_COMMAND: sshCommand(access),
      ...(workTree === undefined ? {} : { GIT_WORK_TREE: workTree }),
      ...configuration(settings),
      ...env,
    };
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await started(folder, timeout, variables).raw([...args]);
    } catch (error) {
      if (timeout.aborted) {
        throw new SourceAwayError(`git ${args[0] ?? ''} took longer than ${timeoutMs} ms`);
      }
      throw error instanceof Error ? error : new Error(String(error));
    }
  };
}

/** What the library guards against comes from this file alone, never from a repository or a manifest. */
function started(
  baseDir: string,
  abort: AbortSignal,
  variables: Readonly<Record<string, string>>,
): SimpleGit {
  const git = simpleGit({
    baseDir,
    abort,
    allowEnvironment: Object.keys(variables).filter((name) => name.startsWith('GIT_')),
    unsafe: {
      allowUnsafeConfigEnvCount: true,
      allowUnsafeConfigPaths: true,
      allowUnsafeCredentialHelper: true,
      allowUnsafeFsMonitor: true,
      allowUnsafeHooksPath: true,
      allowUnsafeProtocolOverride: true,
      allowUnsafeSshCommand: true,
      allowUnsafeGpgProgram: true,
    },
  });
  return git.env({ ...variables });
}

/** Settings as environment, where neither `ps` nor the repository's own file sees them. */
function configuration(settings: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(settings);
  return {
    GIT_CONFIG_COUNT: String(entries.length),
    ...Object.fromEntries(
      entries.flatMap(([key, value], i) => [
        [`GIT_CONFIG_KEY_${i}`, key],
        [`GIT_CONFIG_VALUE_${i}`, value],
      ]),
    ),
  };
}
