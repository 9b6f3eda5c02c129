import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

interface HeardPost {
  path: string;
  headers: IncomingHttpHeaders;
  text: string;
  body: unknown;
}

/** `takes` answers 202, `refuses` answers 500 and repeats what it heard, `hangs` never answers. */
export type ReceiverMood = 'takes' | 'refuses' | 'hangs';

export interface HttpReceiver {
  url: string;
  mood: ReceiverMood;
  /** What was taken, in order. */
  taken: HeardPost[];
  /** Requests that came, whatever became of them. */
  asked: () => number;
  close: () => Promise<void>;
}

/** A real receiver on loopback. */
export async function startHttpReceiver(): Promise<HttpReceiver> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { url: path = '', headers } = request;
      const text = Buffer.concat(parts).toString();
      if (receiver.mood === 'hangs') return;
      if (receiver.mood === 'refuses') {
        response.writeHead(500).end(`no: ${path} ${JSON.stringify(headers)} ${text}`);
        return;
      }
      receiver.taken.push({ path, headers, text, body: JSON.parse(text) as unknown });
      response.writeHead(202).end('{"status":"ok"}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const receiver: HttpReceiver = {
    url: `http://127.0.0.1:${port}`,
    mood: 'takes',
    taken: [],
    asked: () => asked,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}
