import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv/dist/2020';
import { parseAllDocuments } from 'yaml';
import { CATALOGUES } from '../../../activities/catalogue';
import { manifestSchemas } from '../../../language/manifest/json-schema';

const ROOT = join(__dirname, '../../..');
const schemas = manifestSchemas(CATALOGUES);
const ajv = new Ajv({ strict: false, allErrors: true });
const whole = ajv.compile(schemas['manifest'] ?? {});

function errorsOf(document: unknown): string[] {
  whole(document);
  return (whole.errors ?? []).map(
    ({ instancePath, message }) => `${instancePath} ${message ?? ''}`,
  );
}

function manifestsBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

const documents = ['manifests', 'examples'].flatMap(manifestsBelow).flatMap((file) =>
  parseAllDocuments(readFileSync(file, 'utf8')).map((document) => ({
    file: file.slice(ROOT.length + 1),
    data: document.toJS() as Record<string, unknown> | null,
  })),
);
// Tests of policies are no manifests.
const manifests = documents.filter(
  ({ data }) => data?.['apiVersion'] === 'vigil.io/v1' && data['kind'] !== 'PolicyTest',
);

test('every manifest of the repository is valid to an editor', () => {
  expect(manifests.length).toBeGreaterThan(5);
  for (const { file, data } of manifests) expect([file, errorsOf(data)]).toEqual([file, []]);
});

const service = (spec: unknown) => ({
  ...{ apiVersion: 'vigil.io/v1', kind: 'Service', metadata: { name: 'web' }, spec },
});

test('a field that does not exist is marked, wherever it stands', () => {
  const unknown = ' must NOT have additional properties';
  const errors = (spec: unknown) => errorsOf(service(spec)).join('\n');
  expect(errors({ imge: 'a' })).toContain(`/spec${unknown}`);
  expect(errors({ image: 'a', sync: { modus: 'heal' } })).toContain(`/spec/sync${unknown}`);
  expect(errors({ image: 'a', healthCheck: { endpoint: 'http://a', retry: 2 } })).toContain(
    `/spec/healthCheck${unknown}`,
  );
  expect(errors({ runtime: { type: 'docker', image: 'a', imge: 'b' } })).toContain(
    `/spec/runtime${unknown}`,
  );
  expect(errors({ runtime: { command: ['a'], cmd: 'b' } })).toContain(`/spec/runtime${unknown}`);
  expect(errorsOf({ ...service({ image: 'a' }), spek: {} }).join()).toContain(unknown);
});

test('a value that cannot be is marked', () => {
  expect(errorsOf(service({ image: 'a', sync: { mode: 'repair' } }))).toEqual(
    expect.arrayContaining([expect.stringContaining('/spec/sync/mode must be equal to one of')]),
  );
  expect(errorsOf({ ...service({}), kind: 'Servce' })).toEqual(
    expect.arrayContaining([expect.stringContaining('/kind must be equal to one of')]),
  );
});

test('the files are those that the code makes', () => {
  for (const [name, schema] of Object.entries(schemas)) {
    const path = join(ROOT, 'schemas/vigil.io/v1', `${name}.json`);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(JSON.parse(JSON.stringify(schema)));
  }
});
