/** `npm run generate`: writes the files that are derived from others; CI proves that they are fresh. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './common.mjs';
import { ensureReady } from './setup.mjs';

await ensureReady();
const { writeSchema } = await import('./schema.mjs');
await writeSchema(join(ROOT, 'storage/schema.sql'));
console.log('storage/schema.sql');
// Each part that has generated files of its own brings a tool for them.
for (const tool of ['openapi.mjs', 'schemas.mjs', 'reference.mjs']) {
  const path = join(ROOT, 'tools', tool);
  if (existsSync(path)) await import(path);
}
