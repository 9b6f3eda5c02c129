/** `npm run bench -- NAME [arguments]`: runs bench/NAME.bench.ts against a fresh build of everything else. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fail, ROOT } from './common.mjs';
import { ensureReady } from './setup.mjs';

const [name, ...args] = process.argv.slice(2);
const folder = join(ROOT, 'bench');
const file = join(folder, `${name}.bench.ts`);
if (name === undefined || !existsSync(file)) {
  const known = readdirSync(folder)
    .filter((entry) => entry.endsWith('.bench.ts'))
    .map((entry) => entry.slice(0, -'.bench.ts'.length));
  const names = known.length === 0 ? 'there is none yet' : known.join(', ');
  fail(`which benchmark? npm run bench -- NAME, where NAME is one of: ${names}`);
}
await ensureReady();
process.argv.splice(1, process.argv.length, file, ...args);
const { createJiti } = await import('jiti');
await createJiti(import.meta.url).import(file);
