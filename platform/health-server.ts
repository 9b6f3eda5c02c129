import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface HealthServer {
  port: number;
  close: () => Promise<void>;
}

export interface HealthAnswer {
  /** Degraded is not down: only `down` answers 503. */
  status: 'ok' | 'degraded' | 'down';
  [detail: string]: unknown;
}

/** Serves /health, /metrics and further JSON pages for a process that has no other HTTP interface. */
export async function startHealthServer(options: {
  host: string;
  port: number;
  registry: Registry;
  health: () => Promise<HealthAnswer>;
  pages?: Record<string, () => Promise<unknown>>;
}): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    void answer(path).then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });

  async function answer(path: string): Promise<{ status: number; type: string; body: string }> {
    if (path === '/metrics') {
      return {
        status: 200,
        type: options.registry.contentType,
        body: await options.registry.metrics(),
      };
    }
    const type = 'application/json';
    if (path === '/health') {
      const health = await options.health();
      return { status: health.status === 'down' ? 503 : 200, type, body: JSON.stringify(health) };
    }
    const page = options.pages?.[path];
    if (page === undefined) return { status: 404, type, body: '{"error":"not found"}' };
    return { status: 200, type, body: JSON.stringify(await page()) };
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
