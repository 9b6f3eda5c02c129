import type { PoolClient } from 'pg';
import { resourceKey, type ResourceKey } from '../domain/resource';
import { query } from './database';
import { deleteDefinition, isDefinitionKind, writeDefinition } from './definitions';
import { resourcesOf, type ManifestName, type ManifestObject } from './manifest-plan';

interface InRevision {
  source: string;
  revision: number;
}

/** An object after its change. */
export interface WrittenObject extends ManifestName {
  change: 'created' | 'updated' | 'deleted';
  file: string | null;
  line: number | null;
  /** Live resources it makes. */
  resources: ResourceKey[];
  /** Resources it made until this revision. */
  removedResources: ResourceKey[];
}

/** Writes one manifest with its resources, policies or definition. */
export async function writeObject(
  db: PoolClient,
  object: ManifestObject,
  at: InRevision,
): Promise<WrittenObject> {
  const { kind, namespace, name, checksum, file, line } = object;
  const params = [kind, namespace, name, at.source, at.revision, checksum, file, line];
  const document = JSON.stringify(object.document);
  const [row] = await query<{ isNew: boolean }>(
    db,
    `insert into manifests
       (kind, namespace, name, source, revision, created_revision, checksum, file, line, document)
     values ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9)
     on conflict (kind, namespace, name) do update set
       source = excluded.source, revision = excluded.revision, checksum = excluded.checksum,
       file = excluded.file, line = excluded.line, document = excluded.document
     returning created_revision = revision as "isNew"`,
    [...params, document],
  );
  await query(
    db,
    `insert into manifest_versions (kind, namespace, name, source, revision, checksum, file, line, document)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [...params, document],
  );
  const resources = resourcesOf(object).map(({ key }) => key);
  const removedResources = await retireResources(db, object, resources);
  await writeResources(db, object, at.revision);
  await writePolicies(db, object, at.revision);
  if (isDefinitionKind(kind) && object.definition) {
    await writeDefinition(db, kind, object.definition);
  }
  const change = row?.isNew === true ? 'created' : 'updated';
  return { kind, namespace, name, change, file, line, resources, removedResources };
}

/** Takes a manifest out of the desired state. The workload itself is left alone. */
export async function removeObject(
  db: PoolClient,
  { kind, namespace, name }: ManifestName,
  at: InRevision,
): Promise<WrittenObject> {
  const [row] = await query<{ file: string | null; line: number | null }>(
    db,
    'delete from manifests where kind = $1 and namespace = $2 and name = $3 returning file, line',
    [kind, namespace, name],
  );
  const { file, line } = row ?? { file: null, line: null };
  await query(
    db,
    `insert into manifest_versions (kind, namespace, name, source, revision, file, line)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [kind, namespace, name, at.source, at.revision, file, line],
  );
  const removedResources = await retireResources(db, { kind, namespace, name }, []);
  await retirePolicies(db, { kind, namespace, name }, []);
  if (isDefinitionKind(kind)) await deleteDefinition(db, kind, resourceKey(namespace, name));
  return { kind, namespace, name, change: 'deleted', file, line, resources: [], removedResources };
}

/** A resource that comes back after a deletion is a new generation: its episodes start anew. */
async function writeResources(
  db: PoolClient,
  object: ManifestObject,
  revision: number,
): Promise<void> {
  const { namespace, name } = object;
  for (const { key, host } of resourcesOf(object)) {
    await query(
      db,
      `insert into resources
         (resource, namespace, name, service, host, labels, spec, revision, created_revision)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
       on conflict (resource) do update set
         namespace = excluded.namespace, name = excluded.name, service = excluded.service,
         host = excluded.host, labels = excluded.labels, spec = excluded.spec,
         revision = excluded.revision, deleted_at = null,
         created_revision = case when resources.deleted_at is null
           then resources.created_revision else excluded.revision end`,
      [
        key,
        namespace,
        key.slice(namespace.length + 1),
        name,
        host,
        JSON.stringify(object.labels),
        JSON.stringify(object.service),
        revision,
      ],
    );
  }
}

/** Ends the Service's resources that are not in `kept`; returns them. */
async function retireResources(
  db: PoolClient,
  { kind, namespace, name }: ManifestName,
  kept: readonly ResourceKey[],
): Promise<ResourceKey[]> {
  if (kind !== 'Service') return [];
  const rows = await query<{ resource: string }>(
    db,
    `update resources set deleted_at = now()
     where namespace = $1 and service = $2 and deleted_at is null and not (resource = any($3))
     returning resource`,
    [namespace, name, kept],
  );
  return rows.map(({ resource }) => resource);
}

/** A policy gets a new revision only if it says something else, so that its open approvals stay valid. */
async function writePolicies(
  db: PoolClient,
  object: ManifestObject,
  revision: number,
): Promise<void> {
  await retirePolicies(
    db,
    object,
    object.policies.map(({ key }) => key),
  );
  for (const policy of object.policies) {
    const document = JSON.stringify(policy);
    const written = await query(
      db,
      `insert into policies
         (policy, namespace, name, document, implied_by, revision, created_revision)
       values ($1, $2, $3, $4, $5, $6, $6)
       on conflict (policy) do update set
         document = excluded.document, implied_by = excluded.implied_by,
         revision = excluded.revision, deleted_at = null,
         created_revision = case when policies.deleted_at is null
           then policies.created_revision else excluded.revision end
       where policies.deleted_at is not null
         or (policies.document, policies.implied_by) is distinct from (excluded.document, excluded.implied_by)
       returning policy`,
      [policy.key, policy.namespace, policy.name, document, policy.impliedBy, revision],
    );
    if (written.length === 0) continue;
    await query(
      db,
      'insert into policy_revisions (policy, revision, document) values ($1, $2, $3)',
      [policy.key, revision, document],
    );
  }
}

async function retirePolicies(
  db: PoolClient,
  { kind, namespace, name }: ManifestName,
  kept: readonly string[],
): Promise<void> {
  // A Group may share its name with a Policy that has nothing to do with it.
  if (isDefinitionKind(kind)) return;
  const key = resourceKey(namespace, name);
  await query(
    db,
    `update policies set deleted_at = now()
     where deleted_at is null and not (policy = any($2))
       and case when $3 = 'Service' then implied_by = $1 else policy = $1 and implied_by is null end`,
    [key, kept, kind],
  );
}
