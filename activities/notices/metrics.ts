import { Counter, Gauge, type Registry } from 'prom-client';

export type NoticeMetrics = ReturnType<typeof createNoticeMetrics>;

export function createNoticeMetrics(registry: Registry) {
  const registers = [registry];
  return {
    sent: new Counter({
      name: 'vigil_notices_sent_total',
      help: 'Notices handed to a channel, by what became of them: sent, failed (tried again), given_up.',
      labelNames: ['channel', 'outcome'] as const,
      registers,
    }),
    waiting: new Gauge({
      name: 'vigil_notices_waiting',
      help: 'Deliveries of notices that wait for their channel.',
      registers,
    }),
  };
}
