import { openToken, signToken } from '../../platform/signed-token';

const KEY = { key: 'a'.repeat(64), purpose: 'a door' };

test('a token opens with the key and the purpose that it was signed for, and no other', () => {
  const token = signToken(KEY, 'text, é');
  expect(openToken(KEY, token)).toBe('text, é');
  expect(openToken({ ...KEY, key: 'b'.repeat(64) }, token)).toBeNull();
  expect(openToken({ ...KEY, purpose: 'another door' }, token)).toBeNull();
  expect(token).toMatch(/^[\w-]+\.[\w-]+$/);
});

test.each(['', '.', 'a.b', 'a', 'a.b.c'])('"%s" is no token', (token) => {
  expect(openToken(KEY, token)).toBeNull();
});

test('a text that was changed, or a signature cut short, does not open', () => {
  const [, signature = ''] = signToken(KEY, 'yes').split('.');
  const other = Buffer.from('no').toString('base64url');
  expect(openToken(KEY, `${other}.${signature}`)).toBeNull();
  expect(
    openToken(KEY, `${Buffer.from('yes').toString('base64url')}.${signature.slice(4)}`),
  ).toBeNull();
});
