import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUES } from '../../../activities/catalogue';
import { lintTogether } from '../../../language/lint/together';
import { parseManifests } from '../../../language/manifest/compile';
import { formatProblem } from '../../../language/problem';

const ROOT = join(__dirname, '../../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** The manifests in a page. */
function manifestsIn(page: string): string {
  const blocks = [...read(page).matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => text);
  return blocks.filter((text) => text.startsWith('apiVersion:')).join('---\n');
}

test.each([
  ['docs/groups.md', manifestsIn('docs/groups.md'), 4],
  ['examples/fleet/fleet.yaml', read('examples/fleet/fleet.yaml'), 9],
])('the manifests of %s are what they say, by themselves and together', (file, text, count) => {
  const { objects, problems } = parseManifests(text, { file, catalogue: CATALOGUES });
  const found = [...problems, ...lintTogether(objects, CATALOGUES)];
  expect(found.map(formatProblem)).toEqual([]);
  expect(objects).toHaveLength(count);
});
