/** `npm start`: set-up, then `vigil up` in this process. */
import { createRequire } from 'node:module';
import { ensureReady } from './setup.mjs';

await ensureReady();
process.argv.splice(2, 0, 'up');
createRequire(import.meta.url)('../dist/cli/main.js');
