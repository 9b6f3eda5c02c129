import { collectDefaultMetrics, Registry } from 'prom-client';

/** A registry of its own for each process, with Node's own figures in it. */
export function createRegistry(process: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ process });
  collectDefaultMetrics({ register: registry });
  return registry;
}
