import type { Notice } from './notice';

/** A notice as a channel tells it. Times are epoch ms. */
export interface ToldNotice extends Notice {
  id: number;
  /** When it was written. */
  at: number;
  /** When its incident began. */
  since: number;
  /** Its page in Temporal's Web UI. */
  url: string | null;
  /** This channel told it before, and it still stands. */
  isReminder: boolean;
  /** What the channel answered when it told the beginning of the incident. */
  thread: string | null;
}

/** What goes out at once: the worst first, at least one, and no more than the channel's `largest`. */
export interface Message {
  /** The same for every try of the same words, so that a receiver can tell a repetition. */
  id: string;
  notices: readonly ToldNotice[];
}

export interface Receipt {
  /** Names the conversation, so that later words about the incident join it. */
  thread: string | null;
}

/** Adaptor that tells people. Sending is at least once: a receiver may hear the same message id again. */
export interface Channel {
  readonly type: string;
  /** Notices in one message; 1: each is an event of its own. */
  readonly largest: number;
  /** An open incident is told again so often, since the receiver would forget it; null: never. */
  readonly refreshMs: number | null;
  /** Ends when the receiver took it; throws ChannelError, without any secret in it. */
  send(message: Message, signal: AbortSignal): Promise<Receipt>;
}

/** Why a channel did not tell it, in words without secrets. */
export class ChannelError extends Error {
  /** The receiver may have taken it all the same: no answer came, or it failed after reading. */
  readonly mayHaveTold: boolean;
  /** The receiver asks for so much patience. */
  readonly retryAfterMs: number | null;

  constructor(message: string, options: { mayHaveTold: boolean; retryAfterMs?: number | null }) {
    super(message);
    this.name = 'ChannelError';
    this.mayHaveTold = options.mayHaveTold;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}
