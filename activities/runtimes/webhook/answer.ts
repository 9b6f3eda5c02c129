import {
  TransientError,
  UnknownEffectError,
  type StepResult,
} from '../../../domain/action/runtime';
import { firstLines } from '../../../platform/output-capture';
import { HEADERS } from './call';
import { SendError, type Answer } from './send';

const FIRST_LINES = 10;
/** A host that asks for longer is left alone no longer than this. */
const MAX_RETRY_AFTER_MS = 300_000;

/** The receiver asked to be left alone: the request was not acted on. */
export class BusyError extends TransientError {
  override name = 'BusyError';
  /** Null: it did not say for how long. */
  readonly retryAfterMs: number | null;

  constructor(message: string, retryAfterMs: number | null) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

export interface Asked {
  /** What errors call the receiver: without its query, which may hold a token. */
  place: string;
  key: string;
  idempotent: boolean;
  secrets: readonly string[];
  /** Epoch ms. */
  now: number;
}

/** What an answer means for the step. Throws where it is not done. */
export function resultOf(answer: Answer, asked: Asked): Omit<StepResult, 'identity'> {
  const { status, headers } = answer;
  const { text, totalBytes } = answer.body.captured(asked.secrets);
  const lines = firstLines(text, FIRST_LINES);
  const details = { status, bytes: totalBytes, ...(lines.length > 0 ? { firstLines: lines } : {}) };
  const said = `${asked.place} answered ${status}${lines[0] === undefined ? '' : `: ${lines[0]}`}`;
  if (status >= 200 && status < 300) {
    return { summary: `${asked.place} answered ${status}`, details };
  }
  if (status === 409 && headers[HEADERS.key] === asked.key) {
    return { summary: `${asked.place} answered 409: it was done already`, details };
  }
  if (status === 429 || status === 503) {
    throw new BusyError(said, retryAfterMs(headers['retry-after'], asked.now));
  }
  if (status >= 500 || status < 300) throw unknownEffect(said, asked);
  const hint =
    status < 400 ? '; redirects are not followed: write the address that it leads to' : '';
  throw new Error(`${said}${hint}`);
}

/** The error to throw where no answer came. */
export function faultOf(error: unknown, asked: Asked): unknown {
  if (!(error instanceof SendError)) return error;
  const message = `${asked.place}: ${error.message}`;
  if (error.reason === 'cancelled') {
    return error.isSent && !asked.idempotent ? new UnknownEffectError(message) : new Error(message);
  }
  if (error.isSent) return unknownEffect(`${message}, after the request was sent`, asked);
  if (isOfTls(error.code)) return new Error(`${message}: its TLS certificate is not accepted`);
  return new TransientError(`${message}, before the request was sent`);
}

/** Nobody knows whether it was acted on; where twice is as good as once that does not matter. */
function unknownEffect(message: string, { idempotent }: Asked): Error {
  return idempotent ? new TransientError(message) : new UnknownEffectError(message);
}

/** A certificate or a protocol that is wrong now is wrong a second later. */
function isOfTls(code: string): boolean {
  return /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO)/.test(
    code,
  );
}

/** Seconds or an HTTP date → ms from now; null for anything else. */
function retryAfterMs(header: string | undefined, now: number): number | null {
  if (header === undefined) return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}
