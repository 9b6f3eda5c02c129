import { Gauge, type Registry } from 'prom-client';
import type { SourceStatus } from './round';

/** One value per source, read when asked; the sources are those of the configuration, so labels are bounded. */
export function registerMetrics(registry: Registry, statuses: () => readonly SourceStatus[]): void {
  const gauge = (name: string, help: string, of: (status: SourceStatus) => number | null): void => {
    const metric = new Gauge<'source'>({
      name,
      help,
      labelNames: ['source'],
      registers: [registry],
      collect() {
        metric.reset();
        for (const status of statuses()) {
          const value = of(status);
          if (value !== null) metric.set({ source: status.source }, value);
        }
      },
    });
  };
  gauge('vigil_gitops_revision', 'Newest revision of the source', (s) => s.revision);
  gauge('vigil_gitops_age_seconds', 'Since the source was in force as it is', (s) => s.ageSeconds);
  gauge('vigil_gitops_problems', 'Problems of the content', (s) => s.problems.length);
  gauge('vigil_gitops_objects', 'Objects in force', (s) => s.objects);
}
