/** Part of `npm run generate`: schemas/vigil.io/v1/*.json, for editors, from what `vigil check` uses. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import prettier from 'prettier';
import { ROOT } from './common.mjs';

const require = createRequire(import.meta.url);
const { CATALOGUES } = require('../dist/activities/catalogue.js');
const { manifestSchemas } = require('../dist/language/manifest/json-schema.js');

const folder = join(ROOT, 'schemas/vigil.io/v1');
mkdirSync(folder, { recursive: true });
for (const [name, schema] of Object.entries(manifestSchemas(CATALOGUES))) {
  const text = await prettier.format(JSON.stringify(schema), { parser: 'json', printWidth: 100 });
  writeFileSync(join(folder, `${name}.json`), text);
  console.log(`schemas/vigil.io/v1/${name}.json`);
}
