import type { Pool } from 'pg';
import type { Policy } from '../../domain/policy/policy';
import { parseManifests } from '../../language/manifest/compile';
import { query } from '../../storage/database';
import { applyRevision } from '../../storage/manifests';
import type { StoredSample } from '../../storage/samples';
import { CATALOGUES } from '../../activities/catalogue';
import { NAMESPACE } from './manifests';

/** What every resource of the fleet is judged by: one of each sort that rules are written in. */
export const POLICIES: readonly { name: string; sort: string; condition: string }[] = [
  { name: 'simple', sort: 'simple', condition: 'cpu_usage > 90%' },
  { name: 'average', sort: 'windowed 5 m', condition: 'avg_over_time(cpu_usage[5m]) > 80%' },
  { name: 'rate', sort: 'windowed 5 m', condition: 'rate(requests_total[5m]) > 1000' },
  { name: 'errors', sort: 'aggregated', condition: 'sum by (resource) (errors) > 1000' },
  { name: 'leak', sort: 'trend', condition: 'memory_usage increasing for 30m' },
];

/** Series of each resource: name, and what tells two of one name apart. */
const SERIES: readonly { name: string; tags: Record<string, string> }[] = [
  { name: 'cpu_usage', tags: {} },
  { name: 'requests_total', tags: {} },
  { name: 'errors', tags: { code: '500' } },
  { name: 'errors', tags: { code: '502' } },
  { name: 'memory_usage', tags: {} },
];

export const SERIES_PER_RESOURCE = SERIES.length;

/** Compiles the policies and writes them with `size` resources; nothing of it is ever wrong, so nothing acts. */
export async function writeFleet(pool: Pool, size: number): Promise<Policy[]> {
  const text = [service('web-1'), ...POLICIES.map(policy)].join('---\n');
  const { objects, problems } = parseManifests(text, { file: 'fleet.yaml', catalogue: CATALOGUES });
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  const [source, author] = ['bench', 'bench'];
  await applyRevision(pool, {
    ...{ source, author, correlationId: null },
    mode: 'replaceSource',
    objects,
    deletions: [],
  });
  await query(
    pool,
    `insert into resources (resource, namespace, name, service, host, labels, spec, revision, created_revision)
     select namespace || '/web-' || i, namespace, 'web-' || i, 'web-' || i, host, labels, spec, revision, created_revision
     from resources, generate_series(2, $1) as i where name = 'web-1'`,
    [size],
  );
  return objects.flatMap(({ policies }) => policies);
}

function service(name: string): string {
  return `apiVersion: vigil.io/v1
kind: Service
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec: { runtime: { type: process, command: [sleep, infinity] } }
`;
}

function policy({ name, condition }: (typeof POLICIES)[number]): string {
  return `apiVersion: vigil.io/v1
kind: Policy
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec: { condition: '${condition}', action: restart, mode: dry-run }
`;
}

/** One resource's samples of one moment (epoch ms), as the store hands them over once they are committed. */
export function samplesOf(resource: number, ts: number): StoredSample[] {
  const owner = `${NAMESPACE}/web-${resource + 1}`;
  return SERIES.map(({ name }, i) => ({
    seriesId: resource * SERIES.length + i + 1,
    name,
    tags: tagsOf(resource, i),
    owner,
    member: null,
    ts,
    value: valueOf(name, resource, ts),
    lag: 0,
    correlationId: null,
  }));
}

const tags = new Map<number, Record<string, string>>();

/** One object a series, as the store's cache has them. */
function tagsOf(resource: number, i: number): Record<string, string> {
  const key = resource * SERIES.length + i;
  const known = tags.get(key);
  if (known !== undefined) return known;
  const made = { namespace: NAMESPACE, resource: `web-${resource + 1}`, ...SERIES[i]?.tags };
  tags.set(key, made);
  return made;
}

/** Busy and well: below every limit, with a wave in it, so that no value repeats. */
export function valueOf(name: string, resource: number, ts: number): number {
  const wave = Math.sin(ts / 97_000 + resource);
  switch (name) {
    case 'cpu_usage':
      return 0.5 + 0.2 * wave;
    case 'requests_total':
      return ts / 100 + 50 * wave;
    case 'errors':
      return 5 + wave;
    default:
      return 1e9 * (1 + 0.1 * wave);
  }
}
