import {
  applyRevision,
  type ManifestProblem,
  type RevisionRequest,
  type RevisionResult,
} from '../storage/manifests';
import type { ApiDeps } from './deps';
import { API_SOURCE } from './manifest-body';
import { HttpProblem } from './problems';

/** A change as a request asks for it. */
export type Change = Pick<
  RevisionRequest,
  'objects' | 'deletions' | 'author' | 'correlationId' | 'expected'
>;

type Applied = Extract<RevisionResult, { kind: 'applied' }>;
type Refused = Extract<RevisionResult, { kind: 'refused' }>;

/** Makes a revision of the source named `api`. Throws 409, naming whose the objects are. */
export async function apply(deps: ApiDeps, change: Change): Promise<Applied> {
  const result = await tryApply(deps, change);
  if (result.kind === 'refused') throw refusal(result);
  return result;
}

/** The same, answering the refusal of a change that was made on what is no longer so. */
export async function tryApply(
  { pool }: ApiDeps,
  change: Change,
): Promise<Applied | (Refused & { isStale: true })> {
  const result = await applyRevision(pool, { ...change, source: API_SOURCE, mode: 'upsert' });
  if (result.kind === 'applied') return result;
  if (result.kind !== 'refused') throw new Error(`an upsert was ${result.kind}`);
  if (result.isStale) return { ...result, isStale: true };
  throw refusal(result);
}

/** 409 with every problem. */
function refusal({ problems }: Refused): HttpProblem {
  const detail = problems[0]?.message ?? 'the revision is refused';
  return new HttpProblem(409, detail, { problems: problems.map(toProblem) });
}

function toProblem({ file, line, message }: ManifestProblem): { field: string; message: string } {
  return { field: file === '' ? API_SOURCE : `${file}:${line}:1`, message };
}
