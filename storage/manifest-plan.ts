import type { Policy } from '../domain/policy/policy';
import { memberKey, resourceKey, type ResourceKey, type ServiceSpec } from '../domain/resource';
import { query, type Db } from './database';
import type { Definition, DefinitionKind } from './definitions';

export interface ManifestName {
  kind: 'Service' | 'Policy' | DefinitionKind;
  namespace: string;
  name: string;
}

/** One compiled manifest, as language/manifest gives it. */
export interface ManifestObject extends ManifestName {
  /** The document as written, for people. */
  document: unknown;
  checksum: string;
  file: string;
  line: number;
  /** Null unless kind Service. */
  service: ServiceSpec | null;
  labels: Record<string, string>;
  /** The Policy itself, or what the Service implies. */
  policies: readonly Policy[];
  /** Of the other kinds. */
  definition?: Definition;
}

export interface ManifestProblem {
  file: string;
  line: number;
  message: string;
}

/** A stored manifest. */
export interface Claim extends ManifestName {
  source: string;
  revision: number;
  checksum: string;
  file: string | null;
  line: number | null;
}

/** Who makes a live resource. */
export interface Maker {
  resource: ResourceKey;
  namespace: string;
  service: string;
}

/** What a revision would do. With a problem it does nothing. */
export interface RevisionPlan {
  problems: ManifestProblem[];
  /** The only problem is that an object is not at the revision that was expected. */
  isStale: boolean;
  writes: ManifestObject[];
  removals: ManifestName[];
  /** Unchanged, but for file or line. */
  moves: ManifestObject[];
  unchanged: number;
}

/** An object as the caller saw it; revision null: there is none. */
export interface Expectation extends ManifestName {
  revision: number | null;
}

interface Wish {
  source: string;
  expected?: Expectation | undefined;
  mode: 'replaceSource' | 'upsert';
  objects: readonly ManifestObject[];
  deletions: readonly ManifestName[];
}

export async function storedClaims(db: Db): Promise<Claim[]> {
  return query<Claim & Record<string, unknown>>(
    db,
    'select kind, namespace, name, source, revision, checksum, file, line from manifests',
  );
}

/** Who makes the resources that these objects are to make. */
export async function makersOf(db: Db, objects: readonly ManifestObject[]): Promise<Maker[]> {
  const keys = objects.flatMap((object) => resourcesOf(object).map(({ key }) => key));
  if (keys.length === 0) return [];
  return query<Maker & Record<string, unknown>>(
    db,
    `select resource, namespace, service from resources
     where resource = any($1) and deleted_at is null`,
    [keys],
  );
}

/** `Service default/web`. */
export function nameOf({ kind, namespace, name }: ManifestName): string {
  return `${kind} ${namespace}/${name}`;
}

/** The resources a Service makes: itself, or one member per host; other kinds make none. */
export function resourcesOf(object: ManifestObject): { key: ResourceKey; host: string | null }[] {
  if (object.service === null) return [];
  const { namespace, name } = object;
  const hosts = [...new Set(object.service.hosts)];
  if (hosts.length === 0)
    return [{ key: resourceKey(namespace, name), host: object.service.host ?? null }];
  return hosts.map((host) => ({ key: memberKey(namespace, name, host), host }));
}

/** Compares one source's wish with what is stored; every problem at once, but for resources. */
export function planRevision(stored: readonly Claim[], wish: Wish): RevisionPlan {
  const byName = new Map(stored.map((claim) => [nameOf(claim), claim]));
  const wanted = wish.objects.map((object) => ({ object, key: nameOf(object) }));
  const keys = new Set(wanted.map(({ key }) => key));
  const removals = removalsOf(byName, { wish, wanted: keys });
  // Of ten thousand objects nearly all are as they were: only the others can be at fault.
  const changed = wanted.filter(({ object, key }) => !isAsStored(object, byName.get(key), wish));
  const faults = [
    ...invalidNames(changed),
    ...(keys.size === wanted.length ? [] : duplicates(wanted)),
    ...foreign({ ...wish, wanted: changed }, byName),
  ];
  const stale = faults.length > 0 ? [] : unexpected(wish.expected, byName);
  const plan: RevisionPlan = {
    ...{ problems: [...faults, ...stale], isStale: stale.length > 0 },
    ...{ writes: [], removals, moves: [], unchanged: 0 },
  };
  for (const { object, key } of changed) {
    const claim = byName.get(key);
    if (claim?.checksum !== object.checksum) plan.writes.push(object);
    else plan.moves.push(object);
  }
  plan.unchanged = wanted.length - plan.writes.length;
  return plan;
}

function unexpected(
  expected: Expectation | undefined,
  byName: ReadonlyMap<string, Claim>,
): ManifestProblem[] {
  if (expected === undefined) return [];
  const claim = byName.get(nameOf(expected));
  if ((claim?.revision ?? null) === expected.revision) return [];
  const now = claim === undefined ? 'is not there' : `is at revision ${claim.revision}`;
  const place = { file: claim?.file ?? '', line: claim?.line ?? 1 };
  return [{ ...place, message: `${nameOf(expected)} ${now}` }];
}

function removalsOf(
  byName: ReadonlyMap<string, Claim>,
  { wish, wanted }: { wish: Wish; wanted: ReadonlySet<string> },
): Claim[] {
  const removals = new Set<Claim>();
  if (wish.mode === 'replaceSource') {
    for (const [key, claim] of byName)
      if (claim.source === wish.source && !wanted.has(key)) removals.add(claim);
  }
  for (const name of wish.deletions) {
    const claim = byName.get(nameOf(name));
    if (claim !== undefined && !wanted.has(nameOf(name))) removals.add(claim);
  }
  return [...removals];
}

/** The same text at the same place, of the same source. */
function isAsStored(
  object: ManifestObject,
  claim: Claim | undefined,
  { source }: Pick<Wish, 'source'>,
): boolean {
  return (
    claim?.checksum === object.checksum &&
    claim.source === source &&
    claim.file === object.file &&
    claim.line === object.line
  );
}

/** `<name>:sync` is a policy that a Service implies; nobody may write one by that name. */
function invalidNames(wanted: readonly Wanted[]): ManifestProblem[] {
  return wanted
    .filter(({ object }) => object.name.includes(':') || object.namespace.includes(':'))
    .map(({ object, key }) => ({ ...placeOf(object), message: `${key}: a name holds no ":"` }));
}

interface Wanted {
  object: ManifestObject;
  /** `nameOf` it: made once, since there may be many. */
  key: string;
}

function duplicates(wanted: readonly Wanted[]): ManifestProblem[] {
  const first = new Map<string, ManifestObject>();
  return wanted.flatMap(({ object, key }) => {
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, object);
      return [];
    }
    const message = `${key} is already described at ${placeText(earlier)}`;
    return [{ ...placeOf(object), message }];
  });
}

function foreign(
  { source, wanted, deletions }: Pick<Wish, 'source' | 'deletions'> & { wanted: readonly Wanted[] },
  byName: ReadonlyMap<string, Claim>,
): ManifestProblem[] {
  const isForeign = (claim: Claim | undefined): claim is Claim =>
    claim !== undefined && claim.source !== source;
  const written = wanted.flatMap(({ object, key }) => {
    const claim = byName.get(key);
    if (!isForeign(claim)) return [];
    return [{ ...placeOf(object), message: belongsTo(claim) }];
  });
  const deleted = deletions.flatMap((name) => {
    const claim = byName.get(nameOf(name));
    if (!isForeign(claim)) return [];
    return [{ file: claim.file ?? '', line: claim.line ?? 1, message: belongsTo(claim) }];
  });
  return [...written, ...deleted];
}

/**
 * A resource is made by one Service: `web` on host `a` and a Service named `web@a` would both make
 * `web@a`. `makers`: of what the plan writes, as it is stored.
 */
export function collisions(
  plan: RevisionPlan,
  { stored, makers }: { stored: readonly Claim[]; makers: readonly Maker[] },
): ManifestProblem[] {
  const replaced = new Set([...plan.writes, ...plan.removals].map(nameOf));
  const others = makers
    .map(({ resource, namespace, service: name }) => ({
      resource,
      name: nameOf({ kind: 'Service', namespace, name }),
    }))
    .filter(({ name }) => !replaced.has(name));
  const claims = new Map(others.length === 0 ? [] : stored.map((claim) => [nameOf(claim), claim]));
  const makerOf = new Map<ResourceKey, { name: string; place: string }>();
  for (const { resource, name } of others) {
    const claim = claims.get(name);
    // What no manifest makes is taken over.
    if (claim !== undefined) makerOf.set(resource, { name, place: placeText(claim) });
  }
  return plan.writes.flatMap((object) =>
    resourcesOf(object).flatMap(({ key }) => {
      const other = makerOf.get(key);
      makerOf.set(key, other ?? { name: nameOf(object), place: placeText(object) });
      if (other === undefined || other.name === nameOf(object)) return [];
      const message = `${nameOf(object)} would make resource ${key}, which ${other.name} (${other.place}) makes`;
      return [{ ...placeOf(object), message }];
    }),
  );
}

/** `Policy default/down belongs to source folder:manifests (down.yaml:3)`. */
export function belongsTo(claim: ManifestName & Pick<Claim, 'source' | 'file' | 'line'>): string {
  return `${nameOf(claim)} belongs to source ${claim.source} (${placeText(claim)})`;
}

function placeOf({ file, line }: ManifestObject): { file: string; line: number } {
  return { file, line };
}

function placeText({ file, line }: { file: string | null; line: number | null }): string {
  return file === null || file === '' ? 'no file' : `${file}:${line ?? 1}`;
}
