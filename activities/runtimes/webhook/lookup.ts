import { lookup as systemLookup, type LookupAddress, type LookupAllOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { refusalOf, type AddressRule } from './public-addresses';

/** The address that would be connected to is one that may not be. */
export class RefusedAddressError extends Error {
  override name = 'RefusedAddressError';
}

/** Resolves a name to all its addresses, like `dns.lookup` with `all`. */
export type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Resolves names for one connection, and refuses a name of which any address may not be connected
 * to. The connection is made to the very addresses that were judged here, so that a name which
 * resolves differently a moment later leads nowhere else.
 */
export function guardedLookup(rule: AddressRule, resolve: Resolve = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, []);
        return;
      }
      for (const { address } of addresses) {
        const refusal = refusalOf(address, rule);
        if (refusal === null) continue;
        callback(
          new RefusedAddressError(`${hostname} leads to ${address}, which is ${refusal}`),
          [],
        );
        return;
      }
      const [first] = addresses;
      if (options.all === true || first === undefined) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
