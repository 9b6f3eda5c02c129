import { types } from 'node:util';

/** Socket errors of a server that cannot be reached. */
const SOCKET_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ENOENT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
]);

/** SQLSTATE: connection failures, lack of resources, shutdown, cancelled by timeout, database gone. */
const AWAY_STATE = /^(08...|53...|57P0[1-4]|57014|3D000)$/;

/** Errors of the pg driver itself carry no code. */
const DRIVER_MESSAGE = /^(Connection terminated|timeout exceeded when trying|Query read timeout)/;

/** True when an error says that PostgreSQL does not serve now, so that trying later is the remedy. */
export function isDatabaseAway(error: unknown): boolean {
  if (!types.isNativeError(error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return SOCKET_ERRORS.has(code) || AWAY_STATE.test(code);
  return DRIVER_MESSAGE.test(error.message);
}
