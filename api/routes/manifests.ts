import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CATALOGUES } from '../../activities/catalogue';
import {
  compileDocument,
  parseManifests,
  type CompiledManifest,
} from '../../language/manifest/compile';
import {
  applyRevision,
  sourceStatus,
  type ManifestName,
  type RevisionRequest,
} from '../../storage/manifests';
import {
  getManifest,
  listManifests,
  listVersions,
  type ManifestRow,
} from '../../storage/manifests-read';
import type { ApiDeps } from '../deps';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { plugin } from '../plugin';
import { HttpProblem, notFound, unprocessable, type Problem } from '../problems';
import { timeAnswer, toTime } from '../times';

const TAGS = ['manifests'];
const SOURCE = 'api';
const KINDS = ['Service', 'Policy'] as const;
const VERSIONS = 100;
const YAML_TYPES = ['application/yaml', 'application/x-yaml', 'text/yaml'];

const manifestAnswer = z.object({
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  source: z.string(),
  revision: z.number(),
  file: z.string().nullable(),
  line: z.number().nullable(),
  checksum: z.string(),
  document: z.unknown(),
});

const detailAnswer = manifestAnswer.extend({
  versions: z.array(
    z.object({
      revision: z.number(),
      createdAt: timeAnswer,
      author: z.string(),
      source: z.string(),
      deleted: z.boolean(),
    }),
  ),
});

const appliedAnswer = z.object({
  revision: z.number().describe('the newest of source `api`, also when nothing changed'),
  changed: z.array(
    z.object({ kind: z.string(), namespace: z.string(), name: z.string(), change: z.string() }),
  ),
  unchanged: z.number(),
});

const byName = z.object({ kind: z.string(), namespace: z.string(), name: z.string() });

/** A body that came as YAML. */
class YamlText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Manifests in force, from every source; changes through here are the source named `api`. */
export function manifestRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.addContentTypeParser(YAML_TYPES, { parseAs: 'string' }, (_request, body, done) => {
      done(null, new YamlText(body.toString()));
    });

    app.get(
      '/manifests',
      {
        schema: {
          tags: TAGS,
          summary: 'Manifests in force',
          querystring: z.object({
            source: z.string().optional(),
            kind: z.enum(KINDS).optional(),
            namespace: z.string().optional(),
            ...pageQuery,
          }),
          response: { 200: pageOf(manifestAnswer) },
        },
      },
      async ({ query }) => {
        const filter = {
          source: query.source ?? null,
          kind: query.kind ?? null,
          namespace: query.namespace ?? null,
        };
        const after = readCursor(query.cursor, z.tuple([z.string(), z.string(), z.string()]));
        const rows = await listManifests(deps.pool, filter, { after, limit: query.limit + 1 });
        return toPage(rows, query.limit, {
          itemOf: (row) => row,
          placeOf: ({ kind, namespace, name }) => [kind, namespace, name],
        });
      },
    );

    app.get(
      '/manifests/:kind/:namespace/:name',
      {
        schema: {
          tags: TAGS,
          summary: 'One manifest with its revisions',
          params: byName,
          response: { 200: detailAnswer },
        },
      },
      async ({ params }) => {
        const row = await findManifest(deps, params);
        const versions = await listVersions(deps.pool, row, VERSIONS);
        return {
          ...row,
          versions: versions.map(({ createdAt, isDeleted, ...version }) => ({
            ...version,
            createdAt: toTime(createdAt),
            deleted: isDeleted,
          })),
        };
      },
    );

    app.put(
      '/manifests',
      {
        schema: {
          tags: TAGS,
          summary: 'Apply one manifest or an array of them, as JSON or YAML; all or nothing',
          consumes: ['application/json', 'application/yaml'],
          body: z.unknown(),
          response: { 200: appliedAnswer },
        },
      },
      async ({ body, actor, id }) =>
        apply(deps, { objects: compile(body), deletions: [], author: actor, correlationId: id }),
    );

    app.delete(
      '/manifests/:kind/:namespace/:name',
      {
        schema: {
          tags: TAGS,
          summary: 'Stop managing; the workload itself is left alone',
          params: byName,
          response: { 200: z.object({ revision: z.number() }) },
        },
      },
      async ({ params, actor, id }) => {
        const { kind, namespace, name } = await findManifest(deps, params);
        const deletions = [{ kind, namespace, name }];
        const { revision } = await apply(deps, {
          objects: [],
          deletions,
          author: actor,
          correlationId: id,
        });
        return { revision };
      },
    );
  });
}

async function findManifest(
  { pool }: ApiDeps,
  { kind: given, namespace, name }: z.output<typeof byName>,
): Promise<ManifestRow> {
  const kind = KINDS.find((known) => known.toLowerCase() === given.toLowerCase());
  const id: ManifestName | null = kind === undefined ? null : { kind, namespace, name };
  const row = id === null ? null : await getManifest(pool, id);
  if (row === null) throw notFound(`there is no manifest ${given} ${namespace}/${name}`);
  return row;
}

/** The compiled objects of a body, or 422 with every problem. */
function compile(body: unknown): CompiledManifest[] {
  const options = { file: SOURCE, catalogue: CATALOGUES };
  const parts =
    body instanceof YamlText
      ? [parseManifests(body.text, options)]
      : [body].flat().map((document) => compileDocument(document, options));
  const problems = parts.flatMap((part, i): Problem[] =>
    part.problems
      .filter(({ severity }) => severity === 'error')
      .map(({ file, line, column, message }) => ({
        ...(Array.isArray(body) ? { index: i } : {}),
        field: `${file}:${line}:${column}`,
        message,
      })),
  );
  if (problems.length > 0) throw unprocessable('the manifests are not valid', problems);
  const objects = parts.flatMap((part) => part.objects);
  if (objects.length === 0) {
    throw unprocessable('there is nothing to apply', [
      { field: `${SOURCE}:1:1`, message: 'holds no manifest' },
    ]);
  }
  return objects;
}

async function apply(
  { pool }: ApiDeps,
  request: Pick<RevisionRequest, 'objects' | 'deletions' | 'author' | 'correlationId'>,
): Promise<z.output<typeof appliedAnswer>> {
  const result = await applyRevision(pool, { ...request, source: SOURCE, mode: 'upsert' });
  if (result.kind === 'refused') {
    const problems = result.problems.map(({ file, line, message }) => ({
      field: file === '' ? SOURCE : `${file}:${line}:1`,
      message,
    }));
    const detail = problems[0]?.message ?? 'the revision is refused';
    throw new HttpProblem(409, detail, { problems });
  }
  const revision = result.revision ?? (await sourceStatus(pool, SOURCE)).revision ?? 0;
  return { revision, changed: result.changed, unchanged: result.unchanged };
}
