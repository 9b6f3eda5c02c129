import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CATALOGUES } from '../../../activities/catalogue';
import { parseManifests } from '../../../language/manifest/compile';
import { loadConfig } from '../../../platform/config-loader';
import { workerConfigSchema } from '../../../workers/config';

const DOCS = join(__dirname, '../../../docs');

/** Every YAML block of a page. */
function blocksOf(page: string): string[] {
  const text = readFileSync(join(DOCS, page), 'utf8');
  return [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block]) => block ?? '');
}

test.each([
  ['runtime-script.md', 'script'],
  ['runtime-webhook.md', 'webhook'],
])('the manifest in %s compiles as it stands', (page, type) => {
  const manifests = blocksOf(page).filter((block) => block.includes('kind: Service'));
  expect(manifests).toHaveLength(1);
  const options = { file: page, catalogue: CATALOGUES };
  const { objects, problems } = parseManifests(manifests.join('---\n'), options);
  expect(problems).toEqual([]);
  expect(objects[0]?.service?.runtime.type).toBe(type);
});

test.each(['runtime-script.md', 'runtime-webhook.md'])(
  'the settings in %s are settings of a worker',
  (page) => {
    const settings = blocksOf(page).filter((block) => block.startsWith('worker:'));
    expect(settings).toHaveLength(1);
    const folder = mkdtempSync(join(tmpdir(), 'vigil-docs-'));
    const path = join(folder, 'vigil.yaml');
    writeFileSync(path, settings[0] ?? '');
    const { worker } = loadConfig(workerConfigSchema, { env: {}, path });
    rmSync(folder, { recursive: true });
    expect([...worker.script.folders, ...worker.webhook.allowPrivate]).not.toEqual([]);
  },
);
