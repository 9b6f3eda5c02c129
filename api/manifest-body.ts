import type { FastifyInstance } from 'fastify';
import type { FastifyRouteSchemaDef, FastifyValidationResult } from 'fastify/types/schema';
import { validatorCompiler } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CATALOGUES } from '../activities/catalogue';
import {
  compileDocument,
  parseManifests,
  type CompiledManifest,
  type CompileOptions,
} from '../language/manifest/compile';
import type { Problem as Found } from '../language/problem';
import { unprocessable, type Problem } from './problems';

/** The source of what comes through the API; also what places in it are called after. */
export const API_SOURCE = 'api';

const YAML_TYPES = ['application/yaml', 'application/x-yaml', 'text/yaml'];

/** For routes whose body is a manifest: the content types of the OpenAPI document. */
export const MANIFEST_TYPES = ['application/json', 'application/yaml'];

/** A body that came as YAML. */
class YamlText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Lets the routes of this scope take YAML as well as JSON; compileBody understands both. */
export function acceptYaml(app: Pick<FastifyInstance, 'addContentTypeParser'>): void {
  app.addContentTypeParser(YAML_TYPES, { parseAs: 'string' }, (_request, body, done) => {
    done(null, new YamlText(body.toString()));
  });
}

type Part = FastifyRouteSchemaDef<z.ZodType>;

/** For routes whose body's schema is documentation: compileBody names every problem itself. */
export function exceptBody(
  part: Pick<Part, 'httpPart'> & { schema: unknown },
): FastifyValidationResult {
  return part.httpPart === 'body'
    ? (value: unknown) => ({ value })
    : validatorCompiler(part as Part);
}

/** What is allowed and most probably not meant; part of the answers to changes. */
export const warningsAnswer = z
  .array(
    z.object({
      index: z.number().int().optional().describe('of the manifest in an array'),
      field: z.string(),
      message: z.string(),
    }),
  )
  .describe('what is allowed and most probably not meant; empty: nothing');

export type Warnings = z.output<typeof warningsAnswer>;

export type BodyOptions = Pick<CompileOptions, 'policy' | 'retentionMs'>;

export interface CompiledBody {
  objects: CompiledManifest[];
  warnings: Warnings;
}

/** The compiled objects of a body: one document or an array of them. Throws 422 with every problem. */
export function compileBody(body: unknown, given: BodyOptions): CompiledBody {
  const options = { file: API_SOURCE, catalogue: CATALOGUES, ...given };
  const parts =
    body instanceof YamlText
      ? [parseManifests(body.text, options)]
      : [body].flat().map((document) => compileDocument(document, options));
  const told = (severity: Found['severity']): Problem[] =>
    parts.flatMap((part, i) => {
      const found = part.problems.filter((problem) => problem.severity === severity);
      return toProblems(found, Array.isArray(body) ? i : undefined);
    });
  const problems = told('error');
  if (problems.length > 0) throw unprocessable('the manifests are not valid', problems);
  const objects = parts.flatMap((part) => part.objects);
  if (objects.length === 0) throw nothing('there is nothing to apply', 'holds no manifest');
  return { objects, warnings: told('warning') };
}

/** What the checker found, as the API tells it; `index`: of the manifest in an array. */
export function toProblems(found: readonly Found[], index?: number): Problem[] {
  return found.map(({ file, line, column, message }) => ({
    ...(index === undefined ? {} : { index }),
    field: `${file}:${line}:${column}`,
    message,
  }));
}

/** The one policy that a body is. Throws 422 with every problem. */
export function compilePolicyBody(
  body: unknown,
  options: BodyOptions & Required<Pick<BodyOptions, 'policy'>>,
): { object: CompiledManifest; warnings: Warnings } {
  const {
    objects: [object, ...others],
    warnings,
  } = compileBody(body, options);
  if (object === undefined || others.length > 0) {
    throw nothing('the body is not one policy', `holds ${others.length + 1} policies, not one`);
  }
  return { object, warnings };
}

function nothing(detail: string, message: string): Error {
  return unprocessable(detail, [{ field: `${API_SOURCE}:1:1`, message }]);
}
