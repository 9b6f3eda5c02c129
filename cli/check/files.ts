import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CliFailure, usageError } from '../failure';
import { kindOf, type FileKind } from './kind';

export const DEFAULT_FOLDER = 'manifests';
const CONFIG_FOLDER = 'configs';

const TEXT_FILE = /\.(ya?ml|json)$/i;

export interface CheckedFile {
  path: string;
  kind: FileKind;
  text: string;
}

/** Every file below the paths, in order; names that begin with a dot are left out. Throws usageError. */
export function filesIn(paths: readonly string[]): CheckedFile[] {
  return paths
    .flatMap((path) => {
      if (!existsSync(path)) throw usageError(`${path} does not exist`);
      return statSync(path).isDirectory() ? filesBelow(path) : [path];
    })
    .map((path) => {
      const text = read(path);
      return { path, text, kind: kindOf(text, path) };
    });
}

/** What is checked when nothing is named: manifests/, configs/*.yaml and the file of CONFIG_PATH. */
export function defaultFiles(env: NodeJS.ProcessEnv): CheckedFile[] {
  const { CONFIG_PATH: configured = '' } = env;
  const configs = existsSync(CONFIG_FOLDER) ? filesBelow(CONFIG_FOLDER) : [];
  const others = [...configs, ...(configured === '' ? [] : [configured])];
  const folders = existsSync(DEFAULT_FOLDER) || others.length === 0 ? [DEFAULT_FOLDER] : [];
  const byPlace = new Map(filesIn([...folders, ...others]).map((one) => [resolve(one.path), one]));
  return [...byPlace.values()].map((one) =>
    // The processes will read it as a configuration, whatever it looks like.
    one.path === configured ? { ...one, kind: 'configuration' } : one,
  );
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(path);
      return TEXT_FILE.test(entry.name) ? [path] : [];
    });
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CliFailure(`${path} cannot be read`, 1, { cause });
  }
}
