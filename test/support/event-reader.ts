import type { AuditView } from './stack-story';

export interface SeenEvent {
  /** The seal. */
  id: string;
  event: string;
  data: AuditView;
}

export interface EventReader {
  seen: () => readonly SeenEvent[];
  close: () => Promise<void>;
}

/** Reads server-sent events until closed; resolves once the server has answered. */
export async function followEvents(url: string, lastEventId?: string): Promise<EventReader> {
  const controller = new AbortController();
  const response = await fetch(url, {
    headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
    signal: controller.signal,
  });
  if (!response.ok || response.body === null) throw new Error(`${url}: ${response.status}`);
  const seen: SeenEvent[] = [];
  const reading = read(response.body, seen).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error;
  });
  return {
    seen: () => seen,
    async close() {
      controller.abort();
      await reading;
    },
  };
}

async function read(body: AsyncIterable<Uint8Array>, seen: SeenEvent[]): Promise<void> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const { id, event, data } = fieldsOf(block);
      if (id === undefined || event === undefined || data === undefined) continue;
      seen.push({ id, event, data: JSON.parse(data) as AuditView });
    }
  }
}

function fieldsOf(block: string): Record<string, string | undefined> {
  return Object.fromEntries(
    block.split('\n').map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)];
    }),
  );
}
