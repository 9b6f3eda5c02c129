/** `npm run build`: installs where needed and builds, also when the build looks fresh. */
import { build } from './build.mjs';
import { ensureReady } from './setup.mjs';

await ensureReady();
await build();
