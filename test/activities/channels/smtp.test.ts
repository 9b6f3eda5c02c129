import { CERTIFICATE, startSmtpReceiver, type SmtpReceiver } from '../../support/smtp-receiver';
import { channel, message, secretFiles, soon, told, type SecretFiles } from './support';

let files: SecretFiles;
let receiver: SmtpReceiver | null = null;

beforeEach(() => {
  files = secretFiles();
});
afterEach(async () => {
  await receiver?.close();
  receiver = null;
  files.remove();
});

async function start(options: Parameters<typeof startSmtpReceiver>[0] = {}): Promise<SmtpReceiver> {
  receiver = await startSmtpReceiver(options);
  return receiver;
}

function mail(port: number, changes: Record<string, unknown> = {}) {
  return channel({
    ...{ type: 'smtp', host: '127.0.0.1', port, ca: `file:${CERTIFICATE}` },
    ...{ from: 'Vigil <vigil@example.org>', to: ['a@example.org', 'b@example.org'] },
    ...changes,
  });
}

test('a mail goes out encrypted, with the login, to everybody', async () => {
  const login = { user: 'vigil', password: 'pw' };
  const { port, taken } = await start({ login });
  await mail(port, { user: 'vigil', password: files.hold('pw') }).send(message(told()), soon());
  expect(taken).toMatchObject([{ isEncrypted: true, user: 'vigil' }]);
  expect(taken[0]?.headers).toMatchObject({
    to: 'a@example.org, b@example.org',
    subject: '[warning] default/web is held',
    'message-id': '<m1@vigil.example.org>',
    'auto-submitted': 'auto-generated',
  });
});

test('later mails of an incident are replies to its first', async () => {
  const { port, taken } = await start();
  const { thread } = await mail(port).send(message(told()), soon());
  await mail(port).send(message(told({ id: 2, isResolved: true, thread })), soon());
  const [first, second] = taken;
  expect(second?.headers).toMatchObject({
    'in-reply-to': first?.headers['message-id'],
    references: first?.headers['message-id'],
    subject: 'Re: [resolved] default/web is held',
  });
});

test('a server that offers no encryption gets no mail', async () => {
  const { port, taken } = await start({ hasTls: false });
  await expect(mail(port).send(message(told()), soon())).rejects.toMatchObject({
    mayHaveTold: false,
  });
  expect(taken).toEqual([]);
});

test('a certificate that nobody vouches for gets no mail', async () => {
  const { port, taken } = await start();
  const trusting = mail(port, { ca: undefined });
  await expect(trusting.send(message(told()), soon())).rejects.toThrow('self-signed');
  expect(taken).toEqual([]);
});

test('without encryption only where it is said so', async () => {
  const { port, taken } = await start({ hasTls: false });
  await mail(port, { tls: 'none' }).send(message(told()), soon());
  expect(taken).toMatchObject([{ isEncrypted: false }]);
});

test('a title cannot add a header', async () => {
  const { port, taken } = await start();
  await mail(port).send(message(told({ title: 'x\r\nBcc: evil@example.org' })), soon());
  expect(taken[0]?.headers['bcc']).toBeUndefined();
  expect(taken[0]?.headers['subject']).toBe('[warning] x Bcc: evil@example.org');
});
