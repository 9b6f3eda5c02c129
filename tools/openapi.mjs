/** Part of `npm run generate`: api/openapi.json, from the routes' schemas. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ROOT } from './common.mjs';

const require = createRequire(import.meta.url);
const { writeOpenApi } = require('../dist/api/openapi.js');
const { readVersion } = require('../dist/platform/version.js');
await writeOpenApi(join(ROOT, 'api/openapi.json'), readVersion());
console.log('api/openapi.json');
