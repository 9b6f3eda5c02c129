import type { Approvers } from '../domain/approvers';
import type { Group } from '../domain/group';
import type { MaintenanceWindow } from '../domain/maintenance';
import { query, type Db } from './database';

/** The manifests that are neither resources nor policies, compiled. */
interface Definitions {
  Group: Group;
  MaintenanceWindow: MaintenanceWindow;
  Approvers: Approvers;
}

export type DefinitionKind = keyof Definitions;
export type Definition = Definitions[DefinitionKind];

const KINDS: Readonly<Record<DefinitionKind, true>> = {
  Group: true,
  MaintenanceWindow: true,
  Approvers: true,
};

/** All of one kind in force, in the order of their keys. */
export async function listDefinitions<Kind extends DefinitionKind>(
  db: Db,
  kind: Kind,
): Promise<Definitions[Kind][]> {
  const rows = await query<{ document: Definitions[Kind] }>(
    db,
    'select document from definitions where kind = $1 order by key',
    [kind],
  );
  return rows.map(({ document }) => document);
}

/** Writes one, or replaces the one of its key. */
export async function writeDefinition(
  db: Db,
  kind: DefinitionKind,
  definition: Definition,
): Promise<void> {
  await query(
    db,
    `insert into definitions (kind, key, namespace, document) values ($1, $2, $3, $4)
     on conflict (kind, key) do update set document = excluded.document`,
    [kind, definition.key, definition.namespace, JSON.stringify(definition)],
  );
}

/** Whether manifests of that kind are kept here. */
export function isDefinitionKind(kind: string): kind is DefinitionKind {
  return Object.hasOwn(KINDS, kind);
}

export async function deleteDefinition(db: Db, kind: DefinitionKind, key: string): Promise<void> {
  await query(db, 'delete from definitions where kind = $1 and key = $2', [kind, key]);
}
