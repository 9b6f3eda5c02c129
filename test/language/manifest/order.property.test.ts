import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { stringify, type CreateNodeOptions, type ToStringOptions } from 'yaml';
import { CATALOGUES } from '../../../activities/catalogue';
import {
  compileDocument,
  parseManifests,
  type Compiled,
  type CompiledManifest,
} from '../../../language/manifest/compile';
import { manifests, type ManifestData } from '../../support/manifest-arbitraries';

const OPTIONS = { file: 'a.yaml', catalogue: CATALOGUES };

type Meaning = Omit<CompiledManifest, 'line' | 'places' | 'file'>;

/** What was compiled, in the order of names, without where it stood. */
function meaningOf({ objects, problems }: Compiled): Meaning[] {
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return objects
    .map(
      ({ kind, namespace, name, document, checksum, labels, service, policies, definition }) => ({
        ...{ kind, namespace, name, document, checksum, labels, service, policies },
        ...(definition && { definition }),
      }),
    )
    .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
}

const placeOf = ({ kind, namespace, name }: Meaning): string => `${kind} ${namespace}/${name}`;

/** The same mappings with their keys in another order; lists stay as they are. */
function shuffled<T>(value: T, seed: number): T {
  if (Array.isArray(value)) return value.map((part: unknown) => shuffled(part, seed)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const rank = (key: string): string => createHash('sha1').update(`${seed} ${key}`).digest('hex');
  const entries = Object.entries(value)
    .sort(([a], [b]) => (rank(a) < rank(b) ? -1 : 1))
    .map(([key, part]: [string, unknown]) => [key, shuffled(part, seed)]);
  return Object.fromEntries(entries) as T;
}

type Style = ToStringOptions & CreateNodeOptions;

const style: fc.Arbitrary<Style> = fc.record({
  collectionStyle: fc.constantFrom('block' as const, 'flow' as const, 'any' as const),
  defaultStringType: fc.constantFrom(
    ...(['PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE', 'BLOCK_LITERAL'] as const),
  ),
  defaultKeyType: fc.constantFrom('PLAIN' as const, 'QUOTE_DOUBLE' as const),
  indent: fc.constantFrom(2, 4),
  aliasDuplicateObjects: fc.boolean(),
});

function yamlOf(documents: readonly ManifestData[], how: Style = {}): string {
  return documents.map((one) => `---\n${stringify(one, how)}`).join('');
}

const compileYaml = (documents: readonly ManifestData[], how?: Style): Meaning[] =>
  meaningOf(parseManifests(yamlOf(documents, how), OPTIONS));

test('the order of keys and of documents is irrelevant: the same objects, the same checksums', () => {
  fc.assert(
    fc.property(
      manifests.chain((all) =>
        fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.nat()),
      ),
      ([all, reordered, seed]) => {
        const written = compileYaml(all);
        expect(written).toHaveLength(all.length);
        expect(compileYaml(shuffled(reordered, seed))).toEqual(written);
      },
    ),
    { numRuns: 120 },
  );
});

test('a manifest means the same in YAML of any style, in JSON text and as a JSON document', () => {
  fc.assert(
    fc.property(manifests, style, fc.constantFrom(0, 2), (all, how, indent) => {
      const written = compileYaml(all);
      expect(compileYaml(all, how)).toEqual(written);
      const texts = all.map((one) => JSON.stringify(one, null, indent));
      expect(meaningOf(parseManifests(texts.join('\n---\n'), OPTIONS))).toEqual(written);
      const each = all.map((one) => compileDocument(JSON.parse(JSON.stringify(one)), OPTIONS));
      const objects = each.flatMap((compiled) => compiled.objects);
      const problems = each.flatMap((compiled) => compiled.problems);
      expect(meaningOf({ objects, problems })).toEqual(written);
    }),
    { numRuns: 100 },
  );
});

test('a value that differs has another checksum, and the others keep theirs', () => {
  fc.assert(
    fc.property(manifests, fc.nat(), (all, pick) => {
      const at = pick % all.length;
      const edited = all.map((one, i) => {
        const metadata = one['metadata'] as Record<string, unknown>;
        const labels = { ...(metadata['labels'] as object | undefined), edited: 'yes' };
        return i === at ? { ...one, metadata: { ...metadata, labels } } : one;
      });
      const sums = (documents: readonly ManifestData[]) =>
        documents.map((one) => compileYaml([one])[0]?.checksum);
      const before = sums(all);
      const after = sums(edited);
      expect(after.map((sum, i) => sum === before[i])).toEqual(all.map((_, i) => i !== at));
    }),
    { numRuns: 25 },
  );
});
