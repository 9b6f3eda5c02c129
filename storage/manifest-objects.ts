import type { PoolClient } from 'pg';
import { changedPointers } from '../domain/drift/diff';
import type { Policy } from '../domain/policy/policy';
import { resourceKey, type ResourceKey, type ServiceSpec } from '../domain/resource';
import { sha256 } from '../platform/sha256';
import { query } from './database';
import { deleteDefinitions, isDefinitionKind, writeDefinitions } from './definitions';
import { nameOf, resourcesOf, type ManifestName, type ManifestObject } from './manifest-plan';

interface InRevision {
  source: string;
  revision: number;
  /** False: the manifests are as they were, only what they compile to is not. */
  isSaidAnew: boolean;
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

type Named = ManifestName & { file: string | null; line: number | null };

/** Writes manifests with their resources, policies and definitions, some statements for all of them. */
export async function writeObjects(
  db: PoolClient,
  objects: readonly ManifestObject[],
  at: InRevision,
): Promise<WrittenObject[]> {
  if (objects.length === 0) return [];
  const created = await writeManifests(db, objects, at);
  const removed = await retireResources(db, objects);
  await writeResources(db, objects, at.revision);
  await retirePolicies(db, objects);
  await writePolicies(db, objects, at);
  await writeDefinitions(
    db,
    objects.flatMap(({ kind, definition }) =>
      isDefinitionKind(kind) && definition ? [{ kind, definition }] : [],
    ),
  );
  return objects.map((object) => ({
    ...named(object),
    change: created.has(nameOf(object)) ? 'created' : 'updated',
    resources: resourcesOf(object).map(({ key }) => key),
    removedResources: removed.get(nameOf(object)) ?? [],
  }));
}

/** Takes manifests out of the desired state. The workloads themselves are left alone. */
export async function removeObjects(
  db: PoolClient,
  names: readonly ManifestName[],
  at: InRevision,
): Promise<WrittenObject[]> {
  if (names.length === 0) return [];
  const gone = await query<Named & Record<string, unknown>>(
    db,
    `delete from manifests m using jsonb_to_recordset($1) as r(kind text, namespace text, name text)
     where (m.kind, m.namespace, m.name) = (r.kind, r.namespace, r.name)
     returning m.kind, m.namespace, m.name, m.file, m.line`,
    [JSON.stringify(names)],
  );
  const placeOf = new Map(gone.map((one) => [nameOf(one), one]));
  const removals = names.map(
    (name) => placeOf.get(nameOf(name)) ?? { ...name, file: null, line: null },
  );
  await insertVersions(db, removals, at);
  const removed = await retireResources(db, names);
  await retirePolicies(db, names);
  await deleteDefinitions(
    db,
    names.flatMap(({ kind, namespace, name }) =>
      isDefinitionKind(kind) ? [{ kind, key: resourceKey(namespace, name) }] : [],
    ),
  );
  return removals.map((removal) => ({
    ...named(removal),
    change: 'deleted',
    resources: [],
    removedResources: removed.get(nameOf(removal)) ?? [],
  }));
}

function named({ kind, namespace, name, file, line }: Named): Named {
  return { kind, namespace, name, file, line };
}

/** The names of those that were not there. */
async function writeManifests(
  db: PoolClient,
  objects: readonly ManifestObject[],
  at: InRevision,
): Promise<Set<string>> {
  const written = objects.map(({ document, checksum, ...object }) => ({
    ...named(object),
    checksum,
    document,
  }));
  const rows = await query<ManifestName & Record<string, unknown>>(
    db,
    `with written as (
       insert into manifests
         (kind, namespace, name, source, revision, created_revision, checksum, file, line, document)
       select kind, namespace, name, $2, $3, $3, checksum, file, line, document
       from jsonb_to_recordset($1) as r(kind text, namespace text, name text, checksum text,
         file text, line int, document jsonb)
       on conflict (kind, namespace, name) do update set
         source = excluded.source, revision = excluded.revision, checksum = excluded.checksum,
         file = excluded.file, line = excluded.line, document = excluded.document
       returning kind, namespace, name, created_revision)
     select kind, namespace, name from written where created_revision = $3`,
    [JSON.stringify(written), at.source, at.revision],
  );
  await insertVersions(db, written, at);
  return new Set(rows.map(nameOf));
}

/** Without a document: deleted by this revision. */
async function insertVersions(
  db: PoolClient,
  versions: readonly (Named & { checksum?: string; document?: unknown })[],
  at: InRevision,
): Promise<void> {
  await query(
    db,
    `insert into manifest_versions (kind, namespace, name, source, revision, checksum, file, line, document)
     select kind, namespace, name, $2, $3, checksum, file, line, document
     from jsonb_to_recordset($1) as r(kind text, namespace text, name text, checksum text,
       file text, line int, document jsonb)`,
    [JSON.stringify(versions), at.source, at.revision],
  );
}

/** A resource that comes back after a deletion is a new generation: its episodes start anew. */
async function writeResources(
  db: PoolClient,
  objects: readonly ManifestObject[],
  revision: number,
): Promise<void> {
  const rows = objects.flatMap((object) =>
    resourcesOf(object).map(({ key, host }) => ({
      ...{ resource: key, namespace: object.namespace, host },
      name: key.slice(object.namespace.length + 1),
      service: object.name,
      labels: object.labels,
      spec: object.service,
    })),
  );
  await noteChanges(db, rows, revision);
  await query(
    db,
    `insert into resources
       (resource, namespace, name, service, host, labels, spec, revision, created_revision)
     select resource, namespace, name, service, host, labels, spec, $2, $2
     from jsonb_to_recordset($1) as r(resource text, namespace text, name text, service text,
       host text, labels jsonb, spec jsonb)
     on conflict (resource) do update set
       namespace = excluded.namespace, name = excluded.name, service = excluded.service,
       host = excluded.host, labels = excluded.labels, spec = excluded.spec,
       revision = excluded.revision, deleted_at = null,
       created_revision = case when resources.deleted_at is null
         then resources.created_revision else excluded.revision end`,
    [JSON.stringify(rows), revision],
  );
}

/** Of what somebody has seen: what this revision desires otherwise, for whoever compares it next. */
async function noteChanges(
  db: PoolClient,
  rows: readonly { resource: ResourceKey; spec: ServiceSpec | null }[],
  revision: number,
): Promise<void> {
  const specs = new Map(rows.map(({ resource, spec }) => [resource, spec]));
  const seen = await query<{ resource: ResourceKey; spec: ServiceSpec }>(
    db,
    `select resource, r.spec from resources r join states s using (resource)
     where resource = any($1)`,
    [[...specs.keys()]],
  );
  if (seen.length === 0) return;
  const changes = seen.map(({ resource, spec: before }) => {
    const after = specs.get(resource) ?? before;
    const changed = changedPointers(before, after, sha256).map((pointer) => [pointer, revision]);
    return { resource, changed: Object.fromEntries(changed) as Record<string, number> };
  });
  await query(
    db,
    `update states s set changed = s.changed || r.changed
     from jsonb_to_recordset($1) as r(resource text, changed jsonb)
     where s.resource = r.resource and r.changed <> '{}'`,
    [JSON.stringify(changes)],
  );
}

/** Ends the resources that these Services made and no longer make; by name of the Service. */
async function retireResources(
  db: PoolClient,
  objects: readonly (ManifestName | ManifestObject)[],
): Promise<Map<string, ResourceKey[]>> {
  const services = objects.filter(({ kind }) => kind === 'Service');
  const makers = services.map((object) => ({
    namespace: object.namespace,
    service: object.name,
    kept: 'service' in object ? resourcesOf(object).map(({ key }) => key) : [],
  }));
  const rows = await query<{ resource: string; namespace: string; service: string }>(
    db,
    `update resources r set deleted_at = now()
     from jsonb_to_recordset($1) as m(namespace text, service text, kept jsonb)
     where (r.namespace, r.service) = (m.namespace, m.service) and r.deleted_at is null
       and not (m.kept ? r.resource)
     returning r.resource, r.namespace, r.service`,
    [JSON.stringify(makers)],
  );
  const removed = new Map<string, ResourceKey[]>();
  for (const { resource, namespace, service: name } of rows) {
    const key = nameOf({ kind: 'Service', namespace, name });
    removed.set(key, [...(removed.get(key) ?? []), resource]);
  }
  return removed;
}

/** A policy gets a new revision only if it says something else, so that its open approvals stay valid. */
async function writePolicies(
  db: PoolClient,
  objects: readonly ManifestObject[],
  { revision, isSaidAnew }: InRevision,
): Promise<void> {
  const rows = objects.flatMap(({ policies }) => policies.map(policyRow));
  await query(
    db,
    `with written as (
       insert into policies
         (policy, namespace, name, document, implied_by, revision, created_revision)
       select policy, namespace, name, document, implied_by, $2, $2
       from jsonb_to_recordset($1) as r(policy text, namespace text, name text, document jsonb,
         implied_by text)
       on conflict (policy) do update set
         document = excluded.document, implied_by = excluded.implied_by,
         revision = excluded.revision, deleted_at = null,
         created_revision = case when policies.deleted_at is null
           then policies.created_revision else excluded.revision end
       where policies.deleted_at is not null
         or (policies.document, policies.implied_by) is distinct from (excluded.document, excluded.implied_by)
         -- Who said yes to a repair said it to the manifest of then.
         or ($3 and excluded.implied_by is not null and excluded.document -> 'approval' <> 'null')
       returning policy, document)
     insert into policy_revisions (policy, revision, document) select policy, $2, document from written`,
    [JSON.stringify(rows), revision, isSaidAnew],
  );
}

function policyRow(policy: Policy): Record<string, unknown> {
  const { key, namespace, name, impliedBy } = policy;
  return { policy: key, namespace, name, document: policy, implied_by: impliedBy };
}

/** Ends the policies that these objects no longer say or imply. */
async function retirePolicies(
  db: PoolClient,
  objects: readonly (ManifestName | ManifestObject)[],
): Promise<void> {
  const keysOf = (kind: ManifestName['kind']): string[] =>
    objects
      .filter((object) => object.kind === kind)
      .map(({ namespace, name }) => resourceKey(namespace, name));
  const kept = objects.flatMap((object) =>
    'policies' in object ? object.policies.map(({ key }) => key) : [],
  );
  // A Group may share its name with a Policy that has nothing to do with it.
  await query(
    db,
    `update policies set deleted_at = now()
     where deleted_at is null and not (policy = any($3))
       and (implied_by = any($1) or (implied_by is null and policy = any($2)))`,
    [keysOf('Service'), keysOf('Policy'), kept],
  );
}
