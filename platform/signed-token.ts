import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * A text that whoever holds the key has signed, fit for a URL: `base64url(text).base64url(HMAC-SHA-256)`.
 * `purpose` goes into the signature, so that a token made for one thing is void for another.
 */
export interface TokenKey {
  key: string;
  purpose: string;
}

export function signToken({ key, purpose }: TokenKey, text: string): string {
  const signature = hmac({ key, purpose }, text).toString('base64url');
  return `${Buffer.from(text).toString('base64url')}.${signature}`;
}

/** The text of a token that this key signed for this purpose; null for any other. */
export function openToken({ key, purpose }: TokenKey, token: string): string | null {
  const [encoded = '', signature = '', ...rest] = token.split('.');
  if (rest.length > 0) return null;
  const text = Buffer.from(encoded, 'base64url').toString();
  const expected = hmac({ key, purpose }, text);
  const given = Buffer.from(signature, 'base64url');
  const isRight = given.length === expected.length && timingSafeEqual(given, expected);
  return isRight ? text : null;
}

function hmac({ key, purpose }: TokenKey, text: string): Buffer {
  return createHmac('sha256', key).update(`${purpose}\n${text}`).digest();
}
