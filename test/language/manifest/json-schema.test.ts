import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv/dist/2020';
import { parse, parseAllDocuments } from 'yaml';
import fc from 'fast-check';
import { CATALOGUES } from '../../../activities/catalogue';
import {
  approversTemplate,
  groupTemplate,
  maintenanceTemplate,
  policyTemplate,
  serviceTemplate,
} from '../../../cli/templates';
import { manifestSchemas } from '../../../language/manifest/json-schema';
import { MANIFEST_KINDS, type ManifestKind } from '../../../language/manifest/kinds';
import { manifests as anyManifests, misspelt } from '../../support/manifest-arbitraries';

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

test('what `vigil init` writes is valid to an editor', () => {
  const id = { name: 'a', namespace: 'b' };
  const texts = [
    serviceTemplate({ ...id, command: ['node'], port: '80' }),
    policyTemplate({ ...id, target: 'a' }),
    groupTemplate({ ...id, members: '*' }),
    maintenanceTemplate({ ...id, target: '*' }),
    approversTemplate({ ...id, members: ['ann'] }),
  ];
  for (const text of texts) expect(errorsOf(parse(text))).toEqual([]);
});

test('every manifest that the checker takes is valid to an editor, to the schema of its kind, too', () => {
  const ofKind = new Map(
    MANIFEST_KINDS.map((kind) => [kind, ajv.compile(schemas[kind.toLowerCase()] ?? {})]),
  );
  fc.assert(
    fc.property(anyManifests, (all) => {
      for (const one of all) {
        expect(errorsOf(one)).toEqual([]);
        expect(ofKind.get(one['kind'] as ManifestKind)?.(one)).toBe(true);
      }
    }),
    { numRuns: 200 },
  );
});

test('a field that is misspelt is marked, at any depth', () => {
  fc.assert(
    fc.property(misspelt, ({ document }) => {
      expect(errorsOf(document)).not.toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test('a list of policies is valid to an editor, and its entries are looked at', () => {
  const entry = { name: 'high', namespace: 'shop', condition: 'load > 5', action: 'restart' };
  const graded = [{ severity: 'critical', condition: 'load > 9' }, { severity: 'info' }];
  const json = { any: [{ type: 'metric_exceeds', metric: 'load', threshold: 5 }], for: '5m' };
  const list = (...policies: object[]) => errorsOf({ policies });
  expect(list(entry, { ...entry, condition: json, severity: graded })).toEqual([]);
  expect(list({ ...entry, acton: 'restart' }).join()).toContain('/policies/0');
  expect(list({ ...entry, severity: 'bad' }).join()).toContain('/policies/0/severity');
  expect(list({ condition: 'load > 5', action: 'restart' }).join()).toContain('/policies/0');
  expect(errorsOf({ policies: [], more: 1 })).not.toEqual([]);
  expect(errorsOf({ apiVersion: 'vigil.io/v1' })).not.toEqual([]);
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
  const marked = (spec: object) => errorsOf(service({ image: 'a', ...spec })).join('\n');
  expect(marked({ healthCheck: { endpoint: 'http://a', interval: 'soon' } })).toContain(
    '/interval',
  );
  expect(marked({ healthCheck: { endpoint: 'http://a', interval: -1 } })).toContain('/interval');
  expect(marked({ command: 'node a.js' })).toContain('/spec/command');
  expect(marked({ env: { A: [] } })).toContain('/spec/env/A');
  expect(marked({ replicas: 1.5 })).toContain('/spec/replicas');
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
