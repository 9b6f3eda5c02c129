import { ChannelError } from '../../domain/channel';
import { withoutSecrets } from './settings';

const TOLD_OF_ANSWER = 200;
/** Failures before anything was sent: the receiver cannot have taken it. */
const UNSENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** Answers of a gateway that does not know what became of it. */
const UNSURE = new Set([502, 504]);

export interface Post {
  url: string;
  body: string;
  headers?: Record<string, string>;
  signal: AbortSignal;
  /** Blacked out wherever an error would repeat them. */
  secrets: readonly string[];
}

/** Posts JSON; ends on 2xx. Redirects are not followed. Throws ChannelError. */
export async function postJson({ url, body, headers, signal, secrets }: Post): Promise<void> {
  // Left to fetch, the error about an address that is none would repeat it.
  if (!URL.canParse(url) || !/^https?:/.test(url) || new URL(url).username !== '') {
    const message = 'its address is no http(s) URL without user and password';
    throw new ChannelError(message, { mayHaveTold: false });
  }
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'vigil', ...headers },
    body,
    signal,
    redirect: 'manual',
  }).catch((error: unknown) => {
    throw unanswered(error);
  });
  const answer = await response.text().catch(() => '');
  if (response.ok) return;
  const said = withoutSecrets(answer, secrets).replace(/\s+/g, ' ').trim();
  throw new ChannelError(
    `the receiver answered ${response.status}${said === '' ? '' : `: ${said.slice(0, TOLD_OF_ANSWER)}`}`,
    { mayHaveTold: UNSURE.has(response.status), retryAfterMs: retryAfter(response) },
  );
}

/** Only codes are told: messages of the network's errors may hold the address. */
function unanswered(error: unknown): ChannelError {
  const { name, cause } = error as { name?: string; cause?: { code?: unknown } };
  if (name === 'TimeoutError' || name === 'AbortError') {
    return new ChannelError('the receiver did not answer in time', { mayHaveTold: true });
  }
  const code = typeof cause?.code === 'string' ? cause.code : 'unknown error';
  return new ChannelError(`the receiver cannot be reached (${code})`, {
    mayHaveTold: !UNSENT.has(code),
  });
}

function retryAfter(response: Response): number | null {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}
