import { isIP } from 'node:net';
import { createAddressRanges, type AddressRanges } from '../../../platform/address-ranges';

/**
 * What is not on the public internet, by the registries of IANA for special-purpose addresses: this
 * host, private networks, carriers' networks, links, groups, documentation; and the ranges in which
 * an IPv6 address stands for an IPv4 one that nobody here could check (NAT64, 6to4, Teredo).
 */
const NOT_PUBLIC = createAddressRanges([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16'],
  ...['172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16'],
  ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32'],
  ...['2002::/16', '3fff::/20', '5f00::/16', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
]);

/** Whether an address is one of the public internet. Text that is no address is not. */
export function isPublicAddress(address: string): boolean {
  return isIP(address) !== 0 && !NOT_PUBLIC.includes(address);
}

/** The address in a URL's host, or null where it is a name. */
export function literalAddress({ hostname }: URL): string | null {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? null : bare;
}

export interface AddressRule {
  /** The manifest asks for addresses that are not public. */
  allowPrivate: boolean;
  /** What the worker's operator allows of them. */
  allowed: AddressRanges;
}

/** Why an address may not be connected to, as what it is; null: it may. */
export function refusalOf(address: string, { allowPrivate, allowed }: AddressRule): string | null {
  if (isPublicAddress(address)) return null;
  if (!allowPrivate) {
    return `not a public address: the manifest must say allowPrivate: true, and the worker must allow it (worker.webhook.allowPrivate)`;
  }
  if (allowed.includes(address)) return null;
  return `not a public address, and this worker does not allow it: add it to worker.webhook.allowPrivate (VIGIL_WORKER_WEBHOOK_ALLOW_PRIVATE)`;
}
