/** `npm run build`: installs where needed and builds, also when the build looks fresh. */
import { build } from './build.mjs';
import { alone } from './lock.mjs';
import { ensureInstalled } from './setup.mjs';

await ensureInstalled();
await alone(build);
