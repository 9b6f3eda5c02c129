import { Client, type Pool } from 'pg';

export interface Listener {
  /** Ends the connection; nothing is called any more. */
  close(): Promise<void>;
}

export interface ListenOptions {
  channels: readonly string[];
  onNotify: (channel: string, payload: string) => void;
  /** LISTEN is in force, at first or again: what was said in between was missed. */
  onListening?: () => void;
  /** The connection was lost or refused; it is tried again until closed. */
  onLost?: (error: Error) => void;
  retryMs?: number;
}

/** Listens on a connection of its own, with the pool's settings, so that it takes none of the pool's. */
export function listen(pool: Pool, options: ListenOptions): Listener {
  let client: Client | null = null;
  let retry: NodeJS.Timeout | null = null;
  let isClosed = false;

  function lost(from: Client, error: Error): void {
    if (isClosed || client !== from) return;
    client = null;
    options.onLost?.(error);
    from.end().catch(() => undefined);
    retry = setTimeout(connect, options.retryMs ?? 1000);
  }

  function connect(): void {
    const fresh = new Client({ ...pool.options });
    client = fresh;
    fresh.on('error', (error) => {
      lost(fresh, error);
    });
    fresh.on('end', () => {
      lost(fresh, new Error('the connection ended'));
    });
    fresh.on('notification', ({ channel, payload }) => {
      if (!isClosed) options.onNotify(channel, payload ?? '');
    });
    start(fresh).catch((error: unknown) => {
      lost(fresh, error instanceof Error ? error : new Error(String(error)));
    });
  }

  async function start(fresh: Client): Promise<void> {
    await fresh.connect();
    for (const channel of options.channels) {
      await fresh.query(`listen ${fresh.escapeIdentifier(channel)}`);
    }
    if (!isClosed) options.onListening?.();
  }

  connect();
  return {
    async close() {
      isClosed = true;
      if (retry !== null) clearTimeout(retry);
      await client?.end().catch(() => undefined);
    },
  };
}
