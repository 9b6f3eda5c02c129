import { isSecretReference } from '../../../platform/secret-references';
import { variablesOf, type Container } from './containers';
import type { DockerContext } from './context';

const LINES = 20;
const MAX_LINE = 500;
const HEADER_BYTES = 8;

/** The last lines that a container wrote, without the secrets it was given; none where they cannot be read. */
export async function tailOf({ engine }: DockerContext, container: Container): Promise<string[]> {
  const { info } = container;
  // A log driver that keeps nothing refuses: no reason to fail an act that was done.
  const raw = await engine.logs(container.id, LINES).catch(() => Buffer.alloc(0));
  const text = info.Config.Tty ? raw.toString('utf8') : demultiplex(raw);
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  return redact(lines.slice(-LINES), secretsOf(container)).map((line) => line.slice(0, MAX_LINE));
}

/** The engine puts a header before each piece: stream, three zeros, length (big endian). */
export function demultiplex(raw: Buffer): string {
  const pieces: Buffer[] = [];
  for (let at = 0; at + HEADER_BYTES <= raw.length;) {
    const end = at + HEADER_BYTES + raw.readUInt32BE(at + 4);
    pieces.push(raw.subarray(at + HEADER_BYTES, end));
    at = end;
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** The values behind the references, as the container has them: the reference may have moved on. */
function secretsOf({ info, spec }: Container): string[] {
  return [...variablesOf(info)].flatMap(([name, value]) => {
    const wanted = spec.env[name];
    return wanted !== undefined && isSecretReference(wanted) && value !== '' ? [value] : [];
  });
}

/** Also where a secret of several lines was printed line by line. */
export function redact(lines: readonly string[], secrets: readonly string[]): string[] {
  const parts = secrets
    .flatMap((secret) => [secret, ...secret.split(/\r?\n/)])
    .filter((part) => part.trim() !== '')
    // The longest first, so that no rest of it stays.
    .sort((a, b) => b.length - a.length);
  return lines.map((line) =>
    parts.reduce((text, part) => text.replaceAll(part, '[redacted]'), line),
  );
}
