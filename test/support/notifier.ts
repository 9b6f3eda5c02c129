import type { Pool } from 'pg';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { NOTICE_FIELDS, type NoticeSettings } from '../../activities/notices/settings';
import { createLogger } from '../../platform/logger';
import { startNotifier, type Notifier, type NotifierOptions } from '../../workers/notify';

/** What stands in section `worker` of a configuration file. */
export function noticeSettings(given: Record<string, unknown>): NoticeSettings {
  return z.object(NOTICE_FIELDS).parse(given);
}

/** A notifier in this process, with quick retries and, unless told otherwise, no waiting for groups. */
export function startTestNotifier(
  pool: Pool,
  given: Record<string, unknown>,
  options: Partial<NotifierOptions> = {},
): Notifier {
  return startNotifier({
    pool,
    logger: createLogger('test', process.env['TEST_LOG'] ?? 'silent'),
    registry: new Registry(),
    now: Date.now,
    settings: noticeSettings(given),
    namespace: 'default',
    pollMs: 20,
    sweepMs: 50,
    retryMs: 50,
    longestRetryMs: 200,
    ...options,
  });
}
