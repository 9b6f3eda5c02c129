import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from '../../cli/up/paths';

/** Path of Prometheus' own rule tester, built where it is not cached; null: it cannot be had here. */
export function findPromtool(): string | null {
  const script = `import { findPromtool } from ${JSON.stringify(join(repositoryRoot(), 'tools/promtool.mjs'))};
    process.stdout.write(await findPromtool());`;
  try {
    return execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  } catch {
    return null;
  }
}
