import type { Pool } from 'pg';
import { CATALOGUES } from '../../activities/catalogue';
import { parseManifests } from '../../language/manifest/compile';
import { query } from '../../storage/database';
import { applyRevision } from '../../storage/manifests';
import { METRIC, NAMESPACE } from './manifests';

/** Names without namespace. */
export function resourceNames(size: number): string[] {
  return Array.from({ length: size }, (_, i) => `storm-${i + 1}`);
}

/** Writes the resources and the one policy that restarts them, so many at a time; only that limits it. */
export async function writeStormFleet(
  pool: Pool,
  { size, atOnce }: { size: number; atOnce: number },
): Promise<void> {
  const text = [resourceNames(1).map(service).join('---\n'), policy(atOnce)].join('---\n');
  const { objects, problems } = parseManifests(text, { file: 'storm.yaml', catalogue: CATALOGUES });
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  await applyRevision(pool, {
    ...{ source: 'bench', author: 'bench', correlationId: null, mode: 'replaceSource' },
    ...{ objects, deletions: [] },
  });
  await query(
    pool,
    `insert into resources (resource, namespace, name, service, host, labels, spec, revision, created_revision)
     select namespace || '/storm-' || i, namespace, 'storm-' || i, 'storm-' || i, host, labels, spec, revision, created_revision
     from resources, generate_series(2, $1) as i where name = 'storm-1'`,
    [size],
  );
}

function service(name: string): string {
  return `apiVersion: vigil.io/v1
kind: Service
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec: { runtime: { type: process, command: [sleep, infinity] }, sync: { mode: detect } }
`;
}

function policy(atOnce: number): string {
  return `apiVersion: vigil.io/v1
kind: Policy
metadata: { name: storm, namespace: ${NAMESPACE} }
spec:
  condition: ${METRIC} > 0
  severity: [{ severity: critical, condition: ${METRIC} > 1 }]
  action: restart
  cooldown: 1h
  limits: { maxConcurrent: ${atOnce}, attempts: 100 }
  verify: { settle: 0s, stable: 0s, within: 60s }
`;
}
