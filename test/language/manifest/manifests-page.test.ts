import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Ajv from 'ajv/dist/2020';
import { parse } from 'yaml';
import { CATALOGUES } from '../../../activities/catalogue';
import { parseManifests } from '../../../language/manifest/compile';
import { manifestSchemas } from '../../../language/manifest/json-schema';
import { MANIFEST_KINDS, type ManifestKind } from '../../../language/manifest/kinds';
import { formatProblem } from '../../../language/problem';

const ROOT = join(__dirname, '../../..');
const PAGE = readFileSync(join(ROOT, 'docs/manifests.md'), 'utf8');
const schemas = manifestSchemas(CATALOGUES);

type Schema = Readonly<Record<string, unknown>>;

interface Field {
  path: string;
  schema: Schema;
}

const listOf = (value: unknown): Schema[] => (Array.isArray(value) ? (value as Schema[]) : []);

/** Every field that may be written below a schema; a runtime's are those of a process. */
function fieldsOf(schema: Schema, path = ''): Field[] {
  const { properties = {}, items, anyOf, allOf } = schema;
  const own = Object.entries(properties as Record<string, Schema>).flatMap(([name, inner]) => {
    const at = path === '' ? name : `${path}.${name}`;
    return [{ path: at, schema: inner }, ...fieldsOf(inner, at)];
  });
  const [process] = listOf(allOf).map(({ then }) => then as Schema);
  const forms = [...listOf(anyOf), ...(process === undefined ? [] : [process])];
  const below = items === undefined ? [] : fieldsOf(items as Schema, `${path}[]`);
  return [...own, ...below, ...forms.flatMap((form) => fieldsOf(form, path))];
}

function sectionOf(kind: ManifestKind): string {
  const [, text = ''] = PAGE.split(`\n## ${kind}\n`);
  return text.split('\n## ')[0] ?? '';
}

/** Field → the default that the page gives. */
function rowsOf(kind: ManifestKind): Map<string, string> {
  const rows = sectionOf(kind).matchAll(/^\| `([^`]+)` +\| (.*?) +\| .* \|$/gm);
  return new Map([...rows].map(([, field = '', fallback = '']) => [field, fallback]));
}

/** Told in the row of the field that they belong to. */
const WITHIN = 'severity[]';
/** As a Policy's. */
const ELSEWHERE = 'sync.approval.';

function fieldsOfKind(kind: ManifestKind): Field[] {
  const { properties } = schemas[kind.toLowerCase()] as { properties: { spec: Schema } };
  return fieldsOf(properties.spec).filter(
    ({ path }) => !path.startsWith(ELSEWHERE) && !path.startsWith(WITHIN),
  );
}

describe.each(MANIFEST_KINDS)('%s in the page', (kind) => {
  const fields = fieldsOfKind(kind);
  const paths = new Set(fields.map(({ path }) => path));
  const rows = rowsOf(kind);
  const isSection = (path: string) =>
    [...paths].some((other) => other.startsWith(`${path}.`) || other.startsWith(`${path}[]`));

  test('has a row for every field, and for none that is not there', () => {
    const written = [...paths].filter((path) => !isSection(path));
    expect(written.filter((path) => !rows.has(path))).toEqual([]);
    expect([...rows.keys()].filter((path) => !paths.has(path))).toEqual([]);
  });

  test('gives the defaults that there are', () => {
    const given = fields.filter(({ schema }) =>
      ['string', 'number', 'boolean'].includes(typeof schema['default']),
    );
    for (const { path, schema } of given) {
      expect([path, rows.get(path)]).toEqual([path, `\`${String(schema['default'])}\``]);
    }
  });

  test('says which fields are required', () => {
    const required = new Set(requiredOf(kind));
    const said = [...rows].filter(([, fallback]) => fallback === 'required').map(([path]) => path);
    expect([...required].filter((path) => rows.has(path) && !said.includes(path))).toEqual([]);
  });
});

function requiredOf(kind: ManifestKind): string[] {
  const { properties } = schemas[kind.toLowerCase()] as { properties: { spec: Schema } };
  const all = [{ path: '', schema: properties.spec }, ...fieldsOf(properties.spec)];
  return all.flatMap(({ path, schema }) => {
    const items = schema['items'] as Schema | undefined;
    const of = (one: Schema | undefined, at: string) =>
      ((one?.['required'] as string[] | undefined) ?? []).map((name) =>
        at === '' ? name : `${at}.${name}`,
      );
    return [...of(schema, path), ...of(items, `${path}[]`)];
  });
}

const examples = [...PAGE.matchAll(/^```yaml\n(.*?)^```$/gms)]
  .map(([, text = '']) => text)
  .filter((text) => !text.startsWith('#'));

test('the examples are what they say: one of each kind, and a list of policies', () => {
  const ajv = new Ajv({ strict: false });
  const isValid = ajv.compile(schemas['manifest'] ?? {});
  for (const text of examples) expect([text, isValid(parse(text))]).toEqual([text, true]);
  const text = examples.join('---\n');
  const { objects, problems } = parseManifests(text, { file: 'page', catalogue: CATALOGUES });
  expect(problems.map(formatProblem)).toEqual([]);
  const kinds = objects.map(({ kind }) => kind);
  expect(new Set(kinds)).toEqual(new Set(MANIFEST_KINDS));
  expect(kinds.filter((kind) => kind === 'Policy')).toHaveLength(3);
});

test('the policies that the first example implies are those that the page names', () => {
  const { objects } = parseManifests(examples[0] ?? '', { file: 'page', catalogue: CATALOGUES });
  const names = objects.flatMap(({ policies }) => policies.map(({ name }) => name));
  expect(names.sort()).toEqual(['web:health', 'web:sync']);
});

test('a manifest that names a schema for editors names one that is there', () => {
  const files = ['manifests', 'examples'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
      .filter(({ name }) => /\.ya?ml$/.test(name))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const named = files.flatMap((file) => {
    const [, path] =
      /^# yaml-language-server: \$schema=(.*)$/m.exec(readFileSync(file, 'utf8')) ?? [];
    return path === undefined ? [] : [join(dirname(file), path)];
  });
  expect(named.length).toBeGreaterThan(0);
  for (const path of named) expect([path, existsSync(path)]).toEqual([path, true]);
});
