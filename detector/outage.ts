import type { Logger } from '../platform/logger';

/** Says once that something does not work, and once that it works again. */
export interface Outage {
  failed: (error: unknown) => void;
  ended: () => void;
}

export function createOutage(logger: Logger, messages: { failed: string; ended: string }): Outage {
  let isOut = false;
  return {
    failed(error) {
      if (!isOut) logger.warn({ err: error }, messages.failed);
      isOut = true;
    },
    ended() {
      if (isOut) logger.info(messages.ended);
      isOut = false;
    },
  };
}
