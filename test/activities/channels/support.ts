import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { channelSettings, createChannel } from '../../../activities/channels/table';
import type { Channel, Message, ToldNotice } from '../../../domain/channel';
import { notice } from '../../support/notices';

export const SECRET = 'hunter2-and-more';

export interface SecretFiles {
  /** `file:PATH` of a file with that content. */
  hold: (value: string) => string;
  remove: () => void;
}

export function secretFiles(): SecretFiles {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-secrets-'));
  let count = 0;
  return {
    hold(value) {
      const path = join(folder, String((count += 1)));
      writeFileSync(path, `${value}\n`);
      return `file:${path}`;
    },
    remove: () => {
      rmSync(folder, { recursive: true });
    },
  };
}

/** A channel from what stands in a configuration file. */
export function channel(settings: Record<string, unknown>, now: () => number = Date.now): Channel {
  return createChannel(channelSettings.parse(settings), { now });
}

export function told(changes: Partial<ToldNotice> = {}): ToldNotice {
  return {
    ...notice({ kind: 'held', key: 'held:default/web-policy:default/web' }),
    id: 1,
    at: Date.parse('2026-01-02T03:04:05Z'),
    since: Date.parse('2026-01-02T03:04:05Z'),
    url: 'http://127.0.0.1:8233/namespaces/default/workflows/resource%2Fdefault%2Fweb',
    isReminder: false,
    thread: null,
    ...changes,
  };
}

export function message(...notices: ToldNotice[]): Message {
  return { id: `m${notices.map(({ id }) => id).join('-')}`, notices };
}

export const soon = (): AbortSignal => AbortSignal.timeout(30_000);
