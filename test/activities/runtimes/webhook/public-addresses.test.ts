import {
  isPublicAddress,
  literalAddress,
  refusalOf,
} from '../../../../activities/runtimes/webhook/public-addresses';
import { createAddressRanges, isRange } from '../../../../platform/address-ranges';

test.each([
  ...['1.1.1.1', '8.8.8.8', '93.184.215.14', '172.15.255.255', '172.32.0.0', '100.63.255.255'],
  ...['100.128.0.0', '169.253.0.1', '192.167.1.1', '198.17.1.1', '223.255.255.255'],
  ...['2606:4700:4700::1111', '2a00:1450:4001::1', '::ffff:8.8.8.8'],
])('%s is public', (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

test.each([
  ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.255'],
  ...['127.0.0.1', '127.255.255.254', '169.254.169.254', '172.16.0.1', '172.31.255.255'],
  ...['192.0.0.8', '192.0.2.1', '192.88.99.1', '192.168.0.1', '198.18.0.1', '198.51.100.7'],
  ...['203.0.113.9', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255'],
  ...['::', '::1', '::127.0.0.1', '::ffff:10.0.0.1', '::ffff:127.0.0.1', '::ffff:a00:1'],
  ...['64:ff9b::a00:1', '64:ff9b:1::1', '100::1', '2001::1', '2001:db8::1', '2002:7f00:1::'],
  ...['fc00::1', 'fd12:3456::1', 'fe80::1', 'fe80::1%eth0', 'febf::1', 'fec0::1', 'ff02::1'],
  ...['', 'localhost', '1.1.1', '8.8.8.8.8'],
])('%s is not', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each([
  ['http://10.0.0.1:80/', '10.0.0.1'],
  ['http://[::1]/', '::1'],
  ['http://0x7f000001/', '127.0.0.1'],
  ['http://127.1/', '127.0.0.1'],
  ['http://example.com/', null],
])('the address in %s is %s', (url, address) => {
  expect(literalAddress(new URL(url))).toBe(address);
});

test('a private address needs both, the manifest and the worker', () => {
  const allowed = createAddressRanges(['10.0.0.0/8', '::1']);
  const none = createAddressRanges([]);
  expect(refusalOf('10.1.2.3', { allowPrivate: true, allowed })).toBeNull();
  expect(refusalOf('::ffff:10.1.2.3', { allowPrivate: true, allowed })).toBeNull();
  expect(refusalOf('::1', { allowPrivate: true, allowed })).toBeNull();
  expect(refusalOf('11.1.2.3', { allowPrivate: false, allowed: none })).toBeNull();
  expect(refusalOf('10.1.2.3', { allowPrivate: false, allowed })).toContain('manifest');
  expect(refusalOf('192.168.1.1', { allowPrivate: true, allowed })).toContain('worker');
  expect(refusalOf('10.1.2.3', { allowPrivate: true, allowed: none })).toContain('worker');
});

test.each([
  ['10.0.0.0/8', true],
  ['10.0.0.1', true],
  ['::1', true],
  ['fd00::/8', true],
  ['10.0.0.0/33', false],
  ['::/129', false],
  ['10.0.0/8', false],
  ['fe80::1%eth0', false],
  ['example.com', false],
  ['', false],
])('%s is a range: %s', (text, is) => {
  expect(isRange(text)).toBe(is);
});
