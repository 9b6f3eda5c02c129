import { BlockList, isIP } from 'node:net';

/** Sets of IP addresses. */

export interface AddressRanges {
  /** An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) counts as what it is. */
  includes: (address: string) => boolean;
}

/** Whether a text is an address or a range in CIDR notation. */
export function isRange(text: string): boolean {
  return parseRange(text) !== null;
}

/** The union of addresses and CIDR ranges. Throws on a text that is neither. */
export function createAddressRanges(ranges: readonly string[]): AddressRanges {
  const list = new BlockList();
  for (const text of ranges) {
    const range = parseRange(text);
    if (range === null) throw new Error(`"${text}" is neither an address nor a range`);
    list.addSubnet(range.address, range.bits, range.family);
  }
  return {
    includes(address) {
      const family = familyOf(address);
      return family !== null && list.check(address, family);
    },
  };
}

function parseRange(
  text: string,
): { address: string; bits: number; family: 'ipv4' | 'ipv6' } | null {
  const match = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text);
  const address = match?.[1] ?? '';
  const family = familyOf(address);
  if (family === null) return null;
  const most = family === 'ipv4' ? 32 : 128;
  const bits = match?.[2] === undefined ? most : Number(match[2]);
  return bits <= most ? { address, bits, family } : null;
}

function familyOf(address: string): 'ipv4' | 'ipv6' | null {
  switch (isIP(address)) {
    case 4:
      return 'ipv4';
    case 6:
      return 'ipv6';
    default:
      return null;
  }
}
