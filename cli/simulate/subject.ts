import { z } from 'zod';
import { resourceKey } from '../../domain/resource';
import { Anything, ResourceAnswer } from '../answers';
import type { ApiClient } from '../client';
import { CliFailure } from '../failure';
import { resourcePath } from '../output';

/** What a simulation happens to. */
export interface Subject {
  /** `namespace/name`. */
  resource: string;
  /** Where its server listens, e.g. `http://127.0.0.1:40123`; null when its manifest does not say. */
  origin: string | null;
}

const WithManifest = ResourceAnswer.extend({
  manifest: z.looseObject({ spec: z.unknown() }).nullish(),
});
const Spec = z.looseObject({
  healthCheck: z.looseObject({ endpoint: z.string() }).nullish(),
});

export function readResource(api: ApiClient, resource: string): Promise<ResourceAnswer> {
  return api.get(`/resources/${resourcePath(resource)}`, ResourceAnswer);
}

/** The resource that `--target` names, as a subject; it must exist and have a manifest. */
export async function existingSubject(api: ApiClient, resource: string): Promise<Subject> {
  const answer = await api.get(`/resources/${resourcePath(resource)}`, WithManifest);
  const spec = Spec.safeParse(documentOf(answer.manifest)).data;
  const endpoint = spec?.healthCheck?.endpoint;
  if (!answer.managed) throw new CliFailure(`${resource} has no manifest: nothing would heal it`);
  return {
    resource: answer.resource,
    origin: endpoint !== undefined && URL.canParse(endpoint) ? new URL(endpoint).origin : null,
  };
}

/** The manifest's spec, whether the API hands out the stored row or the document itself. */
function documentOf(manifest: z.output<typeof WithManifest>['manifest']): unknown {
  const document = manifest?.['document'];
  return typeof document === 'object' && document !== null && 'spec' in document
    ? document.spec
    : manifest?.spec;
}

/** The running process of a subject. Throws CliFailure when Vigil sees none. */
export async function identityOf(api: ApiClient, { resource }: Subject): Promise<string> {
  const { observed } = await readResource(api, resource);
  const identity = observed?.identity ?? null;
  if (identity === null) throw new CliFailure(`${resource} is not running`);
  return identity;
}

/** Asks the subject's own server for something (`/load`, `/sick`, …). */
export async function askServer(subject: Subject, path: string): Promise<void> {
  if (subject.origin === null) {
    throw new CliFailure(`${subject.resource} has no healthCheck, so its address is not known`);
  }
  const url = `${subject.origin}${path}`;
  const response = await fetch(url, { signal: AbortSignal.timeout(5000) }).catch(
    (cause: unknown) => {
      throw new CliFailure(`${url} does not answer`, 1, { cause });
    },
  );
  await response.body?.cancel();
  if (!response.ok) {
    throw new CliFailure(`${url} answers ${response.status}: its server does not offer that`);
  }
}

/** One sample of the subject's, timestamped by the API. */
export async function sendSample(
  api: ApiClient,
  { resource }: Subject,
  sample: { name: string; value: number },
): Promise<void> {
  const [namespace = '', name = ''] = resource.split('/');
  const json = { ...sample, tags: { namespace, resource: name }, source: 'simulate' };
  await api.send({ method: 'POST', path: '/ingest', json }, Anything);
}

export function simulationKey(name: string): string {
  return resourceKey('simulation', name);
}
