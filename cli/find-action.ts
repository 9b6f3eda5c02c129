import type { ApiClient } from './client';
import { Action, listOf } from './answers';
import { CliFailure } from './failure';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const RECENT = 200;

/** The full id of the action whose id starts with `given`, among the newest; throws when none or several do. */
export async function findAction(api: ApiClient, given: string): Promise<string> {
  const prefix = given.toLowerCase();
  if (UUID.test(prefix)) return prefix;
  if (!/^[0-9a-f-]{4,}$/.test(prefix)) {
    throw new CliFailure(
      `"${given}" is no id of an action: give at least its first 4 characters`,
      2,
    );
  }
  const { items } = await api.get('/actions', listOf(Action), { limit: RECENT });
  const matches = items.filter(({ id }) => id.startsWith(prefix));
  if (matches.length > 1) {
    const ids = matches.map(({ id }) => `  ${id}`).join('\n');
    throw new CliFailure(`${matches.length} actions start with "${given}":\n${ids}`);
  }
  const [match] = matches;
  if (match === undefined) {
    throw new CliFailure(
      `none of the newest ${RECENT} actions starts with "${given}": see ./vigil actions`,
    );
  }
  return match.id;
}
