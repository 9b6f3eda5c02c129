import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type DetectorMetrics = ReturnType<typeof createDetectorMetrics>;

export function createDetectorMetrics(registry: Registry) {
  const registers = [registry];
  return {
    samples: new Counter({
      name: 'vigil_detector_samples_total',
      help: 'Samples that the detector was handed.',
      registers,
    }),
    evaluations: new Counter({
      name: 'vigil_evaluations_total',
      help: 'Evaluations of a policy on a resource.',
      registers,
    }),
    edges: new Counter({
      name: 'vigil_edges_total',
      help: 'Changes of verdict, by the new verdict.',
      labelNames: ['verdict'] as const,
      registers,
    }),
    pairs: new Gauge({
      name: 'vigil_pairs',
      help: 'Policies times their targets.',
      registers,
    }),
    outboxAge: new Gauge({
      name: 'vigil_outbox_age_seconds',
      help: 'Age of the oldest message that waits for the dispatcher.',
      registers,
    }),
    dispatch: new Histogram({
      name: 'vigil_dispatch_seconds',
      help: 'From the commit of a message to its acceptance by Temporal.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    }),
    dispatchFailures: new Counter({
      name: 'vigil_dispatch_failures_total',
      help: 'Messages that Temporal did not accept; they are sent again.',
      registers,
    }),
  };
}
