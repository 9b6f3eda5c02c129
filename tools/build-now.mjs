/** `npm run build`: installs where needed and builds, also when the build looks fresh. */
import { build } from './build.mjs';
import { ensureInstalled } from './setup.mjs';

ensureInstalled();
await build();
