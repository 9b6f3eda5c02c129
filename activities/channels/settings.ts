import { z } from 'zod';
import { duration } from '../../platform/config-sections';
import { isSecretReference, resolveSecret, SecretError } from '../../platform/secret-references';
import { ChannelError } from '../../domain/channel';

/** What every channel has. */
export const COMMON = {
  /** Messages a minute; what is over waits, and is summed up in the minute's last one. */
  perMinute: z.coerce.number().int().min(1).default(20),
  /** A receiver that has not answered by then is tried again later. */
  timeout: duration.prefault('10s'),
};

/** A secret stands in the configuration by reference only. */
export const secret = z
  .string()
  .refine(isSecretReference, 'is a secret: write file:PATH, env:NAME or exec:COMMAND');

/** An address without a secret in it, or a reference to one with. */
export const address = z
  .string()
  .refine(
    (text) => isSecretReference(text) || (URL.canParse(text) && /^https?:/.test(text)),
    'must be an http(s) URL, or a reference: file:PATH, env:NAME, exec:COMMAND',
  );

/** The value behind a reference, read anew for each message so that a rotated secret is used. */
export async function reveal(reference: string): Promise<string> {
  try {
    return await resolveSecret(reference);
  } catch (error) {
    if (error instanceof SecretError) throw new ChannelError(error.message, { mayHaveTold: false });
    throw error;
  }
}

/** The text with every secret blacked out, also as base64 or in a URL, and whatever part of a secret URL may be the secret. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .flatMap((value) => [value, ...partsOf(value)])
    .filter((value) => value !== '')
    .flatMap((value) => [value, encodeURIComponent(value), Buffer.from(value).toString('base64')])
    .reduce((left, value) => left.replaceAll(value, '***'), text);
}

/** Shorter ones are words of a path, not keys. */
const SHORTEST_KEY = 8;

function partsOf(value: string): string[] {
  // `Bearer KEY`: the key alone is as secret.
  if (!URL.canParse(value)) return value.split(' ').filter((p) => p.length >= SHORTEST_KEY);
  const { pathname, searchParams } = new URL(value);
  return [...pathname.split('/'), ...searchParams.values()].filter((p) => p.length >= SHORTEST_KEY);
}
