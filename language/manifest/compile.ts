import { z } from 'zod';
import type { RuntimeCatalogue } from '../../domain/action/runtime';
import { DEFAULT_NAMESPACE } from '../../domain/resource';
import { checksumOf } from '../canonical';
import { suggest, type Problem } from '../problem';
import { COMPILE_SPEC, MANIFEST_KINDS, type CompiledParts, type ManifestKind } from './kinds';
import { placesOf, type Places } from './places';
import { withPlace, type PolicyPlace } from './policy-body';
import {
  anything,
  check,
  counted,
  isRecord,
  label,
  nameField,
  printed,
  textMap,
  type Context,
} from './shape';
import { fillVariables } from './variables';
import { plainDocument, readDocuments, type Path, type SourceDocument } from './source';

export const API_VERSION = 'vigil.io/v1';

/** One object of a manifest, checked and compiled. */
export interface CompiledManifest extends CompiledParts {
  kind: ManifestKind;
  namespace: string;
  name: string;
  /** The document as written, as plain data; an entry of a `policies:` list as the Policy it stands for. */
  document: unknown;
  /** SHA-256 (hex) of the document's canonical JSON. */
  checksum: string;
  file: string;
  line: number;
  labels: Record<string, string>;
  /** Where the fields of its spec stand, for what only the whole set of manifests shows. */
  places: Places;
}

const DEFAULT_RETENTION_MS = 30 * 86_400_000;

export interface CompileOptions {
  /** Named in problems and in what is stored. */
  file: string;
  /** What the runtimes can do; actions are checked against all of them. */
  catalogue: readonly RuntimeCatalogue[];
  /** How long samples are kept, in ms; 30 days unless the api is set otherwise. */
  retentionMs?: number;
  /** What `${VIGIL_NAME:-default}` stands for in YAML text; without it the defaults. */
  variables?: Readonly<Record<string, string | undefined>>;
  /** Each document is one policy at this place: a manifest, or its spec with name and namespace beside. */
  policy?: PolicyPlace;
}

export interface Compiled {
  /** Only what is free of problems. */
  objects: CompiledManifest[];
  problems: Problem[];
}

/** Compiles a file of YAML documents, or reports every problem in it at file:line:col. Never throws. */
export function parseManifests(text: string, options: CompileOptions): Compiled {
  const { documents, problems } = readDocuments(
    fillVariables(text, options.variables ?? {}),
    options.file,
  );
  return compileAll(documents, options, problems);
}

/** The same for a document that came as JSON: messages begin with a JSON pointer, the line is 1. */
export function compileDocument(document: unknown, options: CompileOptions): Compiled {
  return compileAll([plainDocument(document)], options, []);
}

interface Compilation extends Context {
  options: CompileOptions;
  source: SourceDocument;
}

function compileAll(
  documents: readonly SourceDocument[],
  options: CompileOptions,
  problems: Problem[],
): Compiled {
  const objects: CompiledManifest[] = [];
  const described = new Set<string>();
  for (const source of documents) {
    const sayAs =
      (severity: Problem['severity']): Context['report'] =>
      (path, message, place = { part: 'value' }) => {
        const { line, column, prefix } = source.locate(path, place);
        const { file } = options;
        problems.push({ file, line, column, message: prefix + message, severity });
      };
    const report = sayAs('error');
    const { catalogue, retentionMs = DEFAULT_RETENTION_MS } = options;
    const { writtenAs } = source;
    const says = { report, warn: sayAs('warning'), writtenAs };
    const compilation = { catalogue, retentionMs, ...says, options, source };
    for (const object of compileSource(compilation)) {
      const key = keyOf(object);
      if (described.has(key)) {
        report(['metadata', 'name'], `${key} is described twice`);
      } else {
        described.add(key);
        objects.push(object);
      }
    }
  }
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  return { objects, problems };
}

function keyOf({ kind, namespace, name }: CompiledManifest): string {
  return `${kind} ${namespace}/${name}`;
}

function compileSource(compilation: Compilation): CompiledManifest[] {
  const { data } = compilation.source;
  if (data === null || data === undefined) return [];
  if (!isRecord(data)) {
    compilation.report([], 'a manifest must be a mapping with apiVersion, kind, metadata and spec');
    return [];
  }
  if (!isStorable(data, [], compilation)) return [];
  if (compilation.options.policy !== undefined) {
    const body = withPlace(data, compilation.options.policy, compilation);
    if (body === null) return [];
    return body.isManifest
      ? compileManifest(body.data, compilation)
      : compileEntry(body.data, [], compilation);
  }
  return data['policies'] !== undefined && data['kind'] === undefined
    ? compileList(data, compilation)
    : compileManifest(data, compilation);
}

const MAX_DEPTH = 100;

/** Text with a NUL or half a surrogate pair cannot be kept as jsonb; refuse it where it stands. */
function isStorable(value: unknown, path: Path, context: Context): boolean {
  if (typeof value === 'string') {
    if (!value.includes('\0') && !/\p{Surrogate}/u.test(value)) return true;
    context.report(path, `${label(path)} holds a character that cannot be stored`);
    return false;
  }
  if (typeof value !== 'object' || value === null) return true;
  if (path.length > MAX_DEPTH) {
    context.report(path.slice(0, 1), `nested deeper than ${MAX_DEPTH} levels`);
    return false;
  }
  const parts: [string | number, unknown][] = Array.isArray(value)
    ? value.map((part: unknown, i) => [i, part])
    : Object.entries(value);
  return parts
    .map(
      ([step, part]) =>
        isStorable(step, path, context) && isStorable(part, [...path, step], context),
    )
    .every((isFine) => isFine);
}

const manifestSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.string(),
  metadata: anything,
  spec: anything,
});

export const metadataSchema = z.strictObject({
  name: nameField,
  namespace: nameField.default(DEFAULT_NAMESPACE),
  labels: anything,
});

function compileManifest(
  data: Readonly<Record<string, unknown>>,
  compilation: Compilation,
): CompiledManifest[] {
  const { context, isFaulty } = counted(compilation);
  check(manifestSchema, data, { path: [], context });
  const kind = MANIFEST_KINDS.find((known) => known === data['kind']);
  if (kind === undefined) {
    if (typeof data['kind'] === 'string') context.report(['kind'], unknownKind(data['kind']));
    return [];
  }
  const path = ['metadata'];
  const metadata = check(metadataSchema, data['metadata'], { path, context });
  const given = isRecord(data['metadata']) ? data['metadata']['labels'] : undefined;
  const labels = textMap(given, [...path, 'labels'], context);
  const id = { namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' };
  const place = { spec: data['spec'], path: ['spec'], context };
  const parts = COMPILE_SPEC[kind]({ ...id, labels }, place);
  if (parts === null || isFaulty()) return [];
  return [
    describe(
      { kind, ...id, labels, ...parts, document: data },
      { path: [], spec: ['spec'] },
      compilation,
    ),
  ];
}

function unknownKind(kind: string): string {
  const hint = suggest(kind, MANIFEST_KINDS) || `; known: ${MANIFEST_KINDS.join(', ')}`;
  return `unknown kind ${printed(kind)}${hint}`;
}

const listSchema = z.strictObject({ policies: z.array(anything) });

/** `policies: [{ name, condition, severity, action }]`: each entry is a Policy, by default in namespace default. */
function compileList(
  data: Readonly<Record<string, unknown>>,
  compilation: Compilation,
): CompiledManifest[] {
  const list = check(listSchema, data, { path: [], context: compilation });
  return (list?.policies ?? []).flatMap((entry, i) => {
    const path = ['policies', i];
    if (isRecord(entry)) return compileEntry(entry, path, compilation);
    compilation.report(path, `${label(path)} must be a mapping`);
    return [];
  });
}

function compileEntry(
  entry: Readonly<Record<string, unknown>>,
  path: Path,
  compilation: Compilation,
): CompiledManifest[] {
  const { context, isFaulty } = counted(compilation);
  const { name, namespace, ...spec } = entry;
  const written = namespace === undefined ? { name } : { name, namespace };
  const metadata = check(metadataSchema, written, { path, context });
  const id = { namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' };
  const parts = COMPILE_SPEC.Policy({ ...id, labels: {} }, { spec, path, context });
  if (parts === null || isFaulty()) return [];
  const document = { apiVersion: API_VERSION, kind: 'Policy', metadata: written, spec };
  const object = { kind: 'Policy' as const, ...id, labels: {}, ...parts, document };
  return [describe(object, { path, spec: path }, compilation)];
}

function describe(
  object: Omit<CompiledManifest, 'checksum' | 'file' | 'line' | 'places'>,
  { path, spec }: { path: Path; spec: Path },
  { source, options }: Compilation,
): CompiledManifest {
  const { line } = source.locate(path, { part: 'key' });
  const places = placesOf(source, spec);
  const checksum = checksumOf(object.document);
  // A spread that comes first gives each object a hidden class of its own, and ten thousand of these are
  // looked through at each change: it must not.
  return { file: options.file, ...object, checksum, line, places };
}
