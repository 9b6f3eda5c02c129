import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';

/** The folder of package.json, whether this runs from the sources or from dist/. */
export function repositoryRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no package.json above ${__dirname}`);
    folder = parent;
  }
  return folder;
}

/** `VIGIL_HOME` as an absolute path: a relative one is meant from where the command was typed. */
export function homeFolder(env: NodeJS.ProcessEnv): string {
  const given = env['VIGIL_HOME'];
  if (given === undefined || given === '') return join(repositoryRoot(), '.vigil');
  return isAbsolute(given) ? given : resolve(given);
}
