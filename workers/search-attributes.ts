import { isGrpcServiceError, type Connection } from '@temporalio/client';
import type { Logger } from '../platform/logger';
import { SEARCH_ATTRIBUTES } from '../workflows/contract';

/** Temporal's numbers for the two types that are used. */
const TYPE_NUMBERS = { Keyword: 2, KeywordList: 7 } as const;

/**
 * Adds the search attributes that are missing and waits until they are there. Returns whether they
 * may be used: where looking or adding is forbidden or the server is full, Vigil runs without them
 * and says which command adds them, because an unknown attribute would make every start fail. Throws
 * while the server is away.
 */
export async function ensureSearchAttributes(
  connection: Connection,
  namespace: string,
  logger: Logger,
): Promise<boolean> {
  let missing: readonly Name[] = NAMES;
  try {
    missing = await listMissing(connection, namespace);
    if (missing.length === 0) return true;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(
        missing.map((name) => [name, TYPE_NUMBERS[SEARCH_ATTRIBUTES[name]]]),
      ),
    });
    await waitUntilKnown(connection, namespace);
    return true;
  } catch (err) {
    if (isGrpcServiceError(err) && NOT_NOW.has(err.code)) throw err;
    const flags = missing
      .map((name) => `--name ${name} --type ${SEARCH_ATTRIBUTES[name]}`)
      .join(' ');
    const remedy = `temporal operator search-attribute create --namespace ${namespace} ${flags}`;
    logger.warn({ err, remedy }, 'search attributes cannot be added: running without them');
    return false;
  }
}

type Name = keyof typeof SEARCH_ATTRIBUTES;
const NAMES = Object.keys(SEARCH_ATTRIBUTES) as Name[];

/** gRPC: deadline exceeded, no such namespace (yet), unavailable. */
const NOT_NOW = new Set<number>([4, 5, 14]);

async function listMissing(connection: Connection, namespace: string): Promise<Name[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  return NAMES.filter((name) => !(name in customAttributes));
}

async function waitUntilKnown(connection: Connection, namespace: string): Promise<void> {
  for (let look = 0; look < 50; look++) {
    if ((await listMissing(connection, namespace)).length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('the server did not show the attributes within 10 s');
}
