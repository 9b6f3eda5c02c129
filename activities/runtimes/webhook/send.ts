import { request as requestHttp, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Socket } from 'node:net';
import { createOutputCapture, type OutputCapture } from '../../../platform/output-capture';
import { guardedLookup, RefusedAddressError, type Resolve } from './lookup';
import { literalAddress, refusalOf, type AddressRule } from './public-addresses';

const MAX_ANSWER_BYTES = 64 * 1024;

export interface Call {
  url: URL;
  method: string;
  /** Holds secrets. */
  headers: Record<string, string>;
  body: Buffer;
  timeoutMs: number;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** What came of the body before its end, its cap or the deadline. */
  body: OutputCapture;
}

/** No answer came. `isSent`: the connection stood, so that the request may have been acted on. */
export class SendError extends Error {
  override name = 'SendError';
  readonly isSent: boolean;
  readonly reason: 'timeout' | 'cancelled' | 'network';
  /** Of `network`: the system's or TLS's own code. */
  readonly code: string;

  constructor(
    message: string,
    given: { isSent: boolean; reason: SendError['reason']; code?: string },
  ) {
    super(message);
    this.isSent = given.isSent;
    this.reason = given.reason;
    this.code = given.code ?? '';
  }
}

export interface Way {
  rule: AddressRule;
  signal: AbortSignal | null;
  resolve?: Resolve;
}

/**
 * Sends one request on a connection of its own, follows no redirect, verifies TLS. Answers as soon as
 * the status is known and the body ended, reached 64 KiB or the deadline. Throws SendError, and
 * RefusedAddressError where the address may not be connected to.
 */
export async function send(call: Call, way: Way): Promise<Answer> {
  const literal = literalAddress(call.url);
  const refusal = literal === null ? null : refusalOf(literal, way.rule);
  if (refusal !== null) throw new RefusedAddressError(`${String(literal)} is ${refusal}`);
  return new Promise((resolve, reject) => {
    let isSent = false;
    let answer: Answer | null = null;
    const request = (call.url.protocol === 'https:' ? requestHttps : requestHttp)(call.url, {
      method: call.method,
      headers: call.headers,
      agent: false,
      lookup: guardedLookup(way.rule, way.resolve),
      rejectUnauthorized: true,
    });

    function stop(error: Error): void {
      clearTimeout(timer);
      way.signal?.removeEventListener('abort', cancel);
      request.destroy();
      if (answer === null) reject(error);
      else resolve(answer);
    }
    const timer = setTimeout(() => {
      const message = `no answer within ${call.timeoutMs} ms`;
      stop(new SendError(message, { isSent, reason: 'timeout' }));
    }, call.timeoutMs);
    const cancel = (): void => {
      stop(new SendError('the action was cancelled', { isSent, reason: 'cancelled' }));
    };
    way.signal?.addEventListener('abort', cancel, { once: true });

    request.on('socket', (socket: Socket) => {
      socket.once(call.url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        isSent = true;
      });
    });
    request.on('error', (error) => {
      stop(asSendError(error, isSent));
    });
    request.on('response', (response) => {
      answer = { ...partsOf(response), body: createOutputCapture(MAX_ANSWER_BYTES) };
      read(response, answer.body, stop);
    });
    request.end(call.body);
    if (way.signal?.aborted === true) cancel();
  });
}

function partsOf({ statusCode = 0, headers }: IncomingMessage): Omit<Answer, 'body'> {
  return { status: statusCode, headers };
}

/** The status is what counts: a body that breaks off or never ends takes nothing from it. */
function read(response: IncomingMessage, body: OutputCapture, stop: (error: Error) => void): void {
  const ended = new Error('the answer ended');
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, MAX_ANSWER_BYTES - bytes);
    body.push(part);
    bytes += part.length;
    if (bytes >= MAX_ANSWER_BYTES) stop(ended);
  });
  response.on('close', () => {
    stop(ended);
  });
  response.on('error', stop);
}

function asSendError(error: NodeJS.ErrnoException, isSent: boolean): Error {
  if (error instanceof RefusedAddressError) return error;
  const code = error.code ?? 'unknown error';
  return new SendError(code, { isSent, reason: 'network', code });
}
