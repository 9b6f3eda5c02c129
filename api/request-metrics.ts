import type { FastifyInstance } from 'fastify';
import { Gauge, Histogram } from 'prom-client';
import type { ApiDeps } from './deps';

const PREFIX = /^\/api\/v1(?=\/)/;

/** Durations by route pattern, never by path: the labels stay few whatever is asked for. */
export function measureRequests(app: FastifyInstance, { registry, samples }: ApiDeps): void {
  const durations = new Histogram({
    name: 'vigil_http_request_seconds',
    help: 'Time from request to answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  new Gauge({
    name: 'vigil_samples_buffered',
    help: 'Samples that wait for their commit',
    registers: [registry],
    collect() {
      this.set(samples.buffered());
    },
  });
  app.addHook('onResponse', (request, reply, done) => {
    const pattern = request.routeOptions.url;
    durations.observe(
      {
        method: pattern === undefined ? 'any' : request.method,
        route: pattern?.replace(PREFIX, '') ?? 'none',
        status: reply.statusCode,
      },
      reply.elapsedTime / 1000,
    );
    done();
  });
}
