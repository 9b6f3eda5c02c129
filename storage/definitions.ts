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

/** Writes them, or replaces those of their keys. */
export async function writeDefinitions(
  db: Db,
  all: readonly { kind: DefinitionKind; definition: Definition }[],
): Promise<void> {
  if (all.length === 0) return;
  const rows = all.map(({ kind, definition }) => ({
    ...{ kind, key: definition.key, namespace: definition.namespace },
    document: definition,
  }));
  await query(
    db,
    `insert into definitions (kind, key, namespace, document)
     select kind, key, namespace, document
     from jsonb_to_recordset($1) as r(kind text, key text, namespace text, document jsonb)
     on conflict (kind, key) do update set document = excluded.document`,
    [JSON.stringify(rows)],
  );
}

/** Whether manifests of that kind are kept here. */
export function isDefinitionKind(kind: string): kind is DefinitionKind {
  return Object.hasOwn(KINDS, kind);
}

export async function deleteDefinitions(
  db: Db,
  all: readonly { kind: DefinitionKind; key: string }[],
): Promise<void> {
  if (all.length === 0) return;
  await query(
    db,
    `delete from definitions d using jsonb_to_recordset($1) as r(kind text, key text)
     where (d.kind, d.key) = (r.kind, r.key)`,
    [JSON.stringify(all)],
  );
}
