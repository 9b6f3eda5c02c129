import { Gauge } from 'prom-client';
import { SEVERITIES } from '../domain/policy/policy';
import { countOpenDrift } from '../storage/drift-read';
import { observationAges } from '../storage/states-read';
import type { ApiDeps } from './deps';

/** What differs now, and how old the oldest observation is; while the database is away the last figures stay. */
export function measureDrift(deps: ApiDeps): void {
  measureOpen(deps);
  measureAge(deps);
}

function measureOpen({ registry, pool, logger }: ApiDeps): void {
  new Gauge({
    name: 'vigil_drift_open',
    help: 'Facts that differ from their manifests now, by severity',
    labelNames: ['severity'],
    registers: [registry],
    async collect() {
      try {
        const open = await countOpenDrift(pool);
        for (const severity of SEVERITIES) this.set({ severity }, open.get(severity) ?? 0);
      } catch (err) {
        logger.debug({ err }, 'the drift cannot be counted');
      }
    },
  });
}

function measureAge({ registry, pool, logger, now }: ApiDeps): void {
  new Gauge({
    name: 'vigil_observation_age_seconds',
    help: 'Age of the oldest last observation of a managed resource, by who observes it',
    labelNames: ['observer'],
    registers: [registry],
    async collect() {
      try {
        const ages = await observationAges(pool, now());
        this.reset();
        for (const { observer, ageSeconds } of ages) this.set({ observer }, ageSeconds);
      } catch (err) {
        logger.debug({ err }, 'the age of observations cannot be read');
      }
    },
  });
}
