import { inspect } from 'node:util';
import type { Channel, ChannelError } from '../../../domain/channel';
import { startHttpReceiver, type ReceiverMood } from '../../support/http-receiver';
import { CERTIFICATE, startSmtpReceiver } from '../../support/smtp-receiver';
import { waitFor } from '../../support/wait';
import { channel, message, SECRET, secretFiles, soon, told, type SecretFiles } from './support';

/** One channel and the receiver it talks to. `SECRET` is somewhere in what the channel is configured with. */
interface Subject {
  channel: Channel;
  setMood: (mood: ReceiverMood) => void;
  /** Everything the receiver took, as text; one entry a message. */
  taken: () => string[];
  /** Messages that it heard, whatever became of them. */
  asked: () => number;
  close: () => Promise<void>;
}
type Start = (files: SecretFiles) => Promise<Subject>;

/** `resolved`: what a receiver sees of an incident that is over. */
const CHANNELS: { type: string; resolved: string; start: Start }[] = [
  {
    type: 'slack',
    resolved: '[resolved]',
    start: overHttp((url, { hold }) => ({ type: 'slack', url: hold(`${url}/hook/${SECRET}`) })),
  },
  {
    type: 'json',
    resolved: '"status":"resolved"',
    start: overHttp((url, { hold }) => ({
      ...{ type: 'json', url, secret: hold('key') },
      authorization: hold(`Bearer ${SECRET}`),
    })),
  },
  {
    type: 'alertmanager',
    resolved: '"endsAt":"2026-01-02T03:04:05.000Z"',
    start: overHttp((url, { hold }) => ({
      ...{ type: 'alertmanager', url },
      authorization: hold(`Bearer ${SECRET}`),
    })),
  },
  {
    type: 'pagerduty',
    resolved: '"event_action":"resolve"',
    start: overHttp((url, { hold }) => ({ type: 'pagerduty', url, routingKey: hold(SECRET) })),
  },
  { type: 'smtp', resolved: '[resolved]', start: overSmtp },
];

function overHttp(settings: (url: string, files: SecretFiles) => Record<string, unknown>): Start {
  return async (files) => {
    const receiver = await startHttpReceiver();
    return {
      channel: channel(settings(receiver.url, files)),
      setMood: (mood) => (receiver.mood = mood),
      taken: () => receiver.taken.map(({ text }) => text),
      asked: receiver.asked,
      close: receiver.close,
    };
  };
}

async function overSmtp(files: SecretFiles): Promise<Subject> {
  const receiver = await startSmtpReceiver({ login: { user: 'vigil', password: SECRET } });
  return {
    channel: channel({
      ...{ type: 'smtp', host: '127.0.0.1', port: receiver.port, ca: `file:${CERTIFICATE}` },
      ...{ from: 'vigil@example.org', to: 'ops@example.org' },
      ...{ user: 'vigil', password: files.hold(SECRET) },
    }),
    setMood: (mood) => (receiver.mood = mood),
    taken: () => receiver.taken.map(({ headers, text }) => `${headers['subject'] ?? ''}\n${text}`),
    asked: receiver.asked,
    close: receiver.close,
  };
}

describe.each(CHANNELS)('channel $type', ({ type, resolved, start }) => {
  let files: SecretFiles;
  let subject: Subject;

  beforeEach(async () => {
    files = secretFiles();
    subject = await start(files);
  });
  afterEach(async () => {
    await subject.close();
    files.remove();
  });

  async function failure(sending: Promise<unknown>): Promise<ChannelError> {
    const error = await sending.then(
      () => new Error('it was sent'),
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ name: 'ChannelError' });
    return error as ChannelError;
  }

  test('knows its type', () => {
    expect(subject.channel.type).toBe(type);
  });

  test('tells what happened, to what, and where to look', async () => {
    await subject.channel.send(message(told()), soon());
    const [text] = subject.taken();
    expect(subject.taken()).toHaveLength(1);
    expect(text).toContain('default/web is held');
    expect(text).toContain('Nobody acts on it: paused.');
    expect(text).toContain('./vigil why default/web');
    expect(text).toContain('/workflows/resource%2Fdefault%2Fweb');
    expect(text).not.toContain(resolved);
  });

  test('tells that an incident is over', async () => {
    await subject.channel.send(message(told({ isResolved: true })), soon());
    expect(subject.taken()[0]).toContain(resolved);
  });

  test('a receiver that fails makes it fail, without a secret in the error', async () => {
    subject.setMood('refuses');
    const error = await failure(subject.channel.send(message(told()), soon()));
    expect(error.message).toMatch(/500|450|4\d\d|5\d\d/);
    // As a log would show it: its own fields, too.
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
    expect(error.cause).toBeUndefined();
  });

  test('a receiver that hangs is given up at the deadline, and may have heard it', async () => {
    subject.setMood('hangs');
    const deadline = new AbortController();
    const sending = failure(subject.channel.send(message(told()), deadline.signal));
    await waitFor('the receiver to hear it', () => subject.asked() > 0);
    // As AbortSignal.timeout() does.
    deadline.abort(new DOMException('The operation timed out', 'TimeoutError'));
    const error = await sending;
    expect(error.mayHaveTold).toBe(true);
    expect(error.message).not.toContain(SECRET);
  });

  test('a receiver that is away has heard nothing, and works again once it is back', async () => {
    await subject.close();
    const error = await failure(subject.channel.send(message(told()), soon()));
    expect(error).toMatchObject({ mayHaveTold: false });
    expect(error.message).toContain('ECONNREFUSED');
    expect(error.message).not.toContain(SECRET);
    subject = await start(files);
    await subject.channel.send(message(told()), soon());
    expect(subject.taken()).toHaveLength(1);
  });

  test('a secret that cannot be read is named by its reference', async () => {
    files.remove();
    const error = await failure(subject.channel.send(message(told()), soon()));
    expect(error.message).toContain('cannot be read');
    files = secretFiles();
  });

  test('says all it is given at once, or that there is more', async () => {
    const many = Array.from({ length: 14 }, (_, id) =>
      told({ id, key: `held:${id}`, title: `thing ${id}` }),
    ).slice(0, subject.channel.largest);
    await subject.channel.send(message(...many), soon());
    const [text] = subject.taken();
    const missing = many.filter(({ title }) => !new RegExp(`${title}\\b`).test(text ?? ''));
    expect(missing.length === 0 || text?.includes(`and ${missing.length} more`)).toBe(true);
    expect(subject.taken()).toHaveLength(1);
  });
});
