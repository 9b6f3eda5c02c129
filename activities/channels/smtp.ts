import { createTransport, type SendMailOptions } from 'nodemailer';
import { z } from 'zod';
import { ChannelError, type Channel, type Message } from '../../domain/channel';
import { port } from '../../platform/config-sections';
import { COMMON, reveal, secret, withoutSecrets } from './settings';
import { bodyOf, cut, headingOf, headlineOf, shownOf } from './words';

/** Mail, in plain text. */
export const smtpSettings = z
  .strictObject({
    type: z.literal('smtp'),
    host: z.string().min(1),
    port: port.default(587),
    from: z.string().min(3),
    to: z.union([z.string().min(3), z.array(z.string().min(3)).min(1)]),
    user: z.string().optional(),
    password: secret.optional(),
    /** `starttls` (the connection must become encrypted), `tls` from the first byte, `none`. */
    tls: z.enum(['starttls', 'tls', 'none']).default('starttls'),
    /** Certificates to trust instead of the system's, in PEM. */
    ca: secret.optional(),
    ...COMMON,
  })
  .refine(({ tls, password }) => tls !== 'none' || password === undefined, {
    path: ['password'],
    message: 'would be sent in the clear; set tls to starttls or tls',
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    path: ['user'],
    message: 'user and password belong together',
  });
export type SmtpSettings = z.output<typeof smtpSettings>;

const SUBJECT = 200;

export function createSmtpChannel(settings: SmtpSettings): Channel {
  return {
    type: 'smtp',
    largest: 500,
    refreshMs: null,
    async send(message, signal) {
      const password = settings.password === undefined ? '' : await reveal(settings.password);
      const ca = settings.ca === undefined ? null : await reveal(settings.ca);
      const transport = transportOf(settings, password, ca);
      // A mail server may be slow at any of a dozen replies: the deadline is for all of them.
      const end = new Promise<never>((_, reject) => {
        const expire = (): void => {
          reject(new ChannelError('the mail server took too long', { mayHaveTold: true }));
        };
        if (signal.aborted) expire();
        signal.addEventListener('abort', expire, { once: true });
      });
      try {
        const mail = mailOf(message, settings);
        await Promise.race([transport.sendMail(mail), end]);
        return { thread: String(mail.messageId) };
      } catch (error) {
        throw failureOf(error, [password]);
      } finally {
        transport.close();
      }
    },
  };
}

function transportOf(settings: SmtpSettings, password: string, ca: string | null) {
  const { host, port: number, user, tls, timeout } = settings;
  return createTransport({
    ...{ host, port: number },
    secure: tls === 'tls',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    ...(user === undefined ? {} : { auth: { user, pass: password } }),
    ...(ca === null ? {} : { tls: { ca } }),
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** Later words about an incident are replies to the mail that told its beginning. */
function mailOf(message: Message, { from, to }: SmtpSettings): SendMailOptions {
  const { shown, rest } = shownOf(message);
  const text = [
    ...shown.map((notice) => [headingOf(notice), '', ...bodyOf(notice)].join('\n')),
    ...(rest === null ? [] : [rest]),
  ].join('\n\n---\n\n');
  const threads = [...new Set(message.notices.flatMap(({ thread }) => thread ?? []))];
  const [first] = threads;
  return {
    ...{ from, to, text },
    subject: cut(`${first === undefined ? '' : 'Re: '}${headlineOf(message)}`, SUBJECT),
    messageId: `<${message.id}@vigil.${domainOf(from)}>`,
    ...(first === undefined ? {} : { inReplyTo: first, references: threads }),
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Vigil-Kind': shown[0]?.kind ?? '' },
  };
}

function domainOf(from: string): string {
  return /@([\w.-]+)/.exec(from)?.[1] ?? 'localhost';
}

/** After the text was sent the server may have taken it, even though no answer came. */
function failureOf(error: unknown, secrets: readonly string[]): ChannelError {
  if (error instanceof ChannelError) return error;
  const { code, command, responseCode, message } = error as {
    code?: string;
    command?: string;
    responseCode?: number;
    message?: string;
  };
  const said = withoutSecrets(message ?? 'unknown error', secrets).replace(/\s+/g, ' ');
  const mayHaveTold = command === 'DATA' && responseCode === undefined;
  return new ChannelError(`the mail was not taken (${code ?? 'unknown'}): ${cut(said, SUBJECT)}`, {
    mayHaveTold,
  });
}
