import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import type { ReceiverMood } from './http-receiver';

export const CERTIFICATE = join(__dirname, 'loopback-cert.pem');
const KEY = join(__dirname, 'loopback-key.pem');

interface HeardMail {
  /** Lower-case names; folded lines are one. */
  headers: Record<string, string>;
  text: string;
  isEncrypted: boolean;
  user: string | null;
}

export interface SmtpReceiver {
  port: number;
  mood: ReceiverMood;
  taken: HeardMail[];
  /** Mails that came, whatever became of them. */
  asked: () => number;
  close: () => Promise<void>;
}

/** A real mail server on loopback; with `user` and `password` it wants them. */
export async function startSmtpReceiver(
  options: { login?: { user: string; password: string }; hasTls?: boolean } = {},
): Promise<SmtpReceiver> {
  const { login, hasTls = true } = options;
  let asked = 0;
  const hidden = hasTls ? [] : ['STARTTLS'];
  const server = new SMTPServer({
    cert: readFileSync(CERTIFICATE),
    key: readFileSync(KEY),
    disabledCommands: login === undefined ? ['AUTH', ...hidden] : hidden,
    closeTimeout: 100,
    onAuth({ username, password }, _, done) {
      const isRight = username === login?.user && password === login?.password;
      if (isRight) done(null, { user: username });
      else done(new Error(`no: ${username ?? ''} ${password ?? ''}`));
    },
    onData(stream, session, done) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        asked += 1;
        if (receiver.mood === 'hangs') return;
        if (receiver.mood === 'refuses') {
          done(new Error(`no: ${login?.password ?? ''}`));
          return;
        }
        const mail = Buffer.concat(parts).toString();
        receiver.taken.push({
          ...parse(mail),
          isEncrypted: session.secure,
          user: (session.user as string | undefined) ?? null,
        });
        done();
      });
    },
  });
  // A client that gives up in the middle is no failure of the test.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const receiver: SmtpReceiver = {
    port: (server.server.address() as AddressInfo).port,
    mood: 'takes',
    taken: [],
    asked: () => asked,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
      }),
  };
  return receiver;
}

function parse(mail: string): Pick<HeardMail, 'headers' | 'text'> {
  const end = mail.indexOf('\r\n\r\n');
  const lines = mail.slice(0, end).replace(/\r\n[ \t]+/g, ' ');
  const headers = Object.fromEntries(
    lines.split('\r\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const text = mail.slice(end + 4);
  const isQuoted = headers['content-transfer-encoding'] === 'quoted-printable';
  return { headers, text: isQuoted ? unquoted(text) : text };
}

function unquoted(text: string): string {
  const bytes = text
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}
