import type { Db } from '../../storage/database';
import { writeDefinitions, type Definition, type DefinitionKind } from '../../storage/definitions';

/** Puts one definition in force without a revision. */
export async function writeDefinition(
  db: Db,
  kind: DefinitionKind,
  definition: Definition,
): Promise<void> {
  await writeDefinitions(db, [{ kind, definition }]);
}
