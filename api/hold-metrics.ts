import { Counter } from 'prom-client';
import { loadHoldCounts } from '../storage/holds';
import type { ApiDeps } from './deps';

/**
 * How often each gate began to hold something. The database counts, since the workers and the api
 * both hold; while it is away the last figures stay.
 */
export function measureHolds({ registry, pool, logger }: ApiDeps): void {
  new Counter({
    name: 'vigil_actions_held_total',
    help: 'Actions that a gate began to hold, by gate',
    labelNames: ['reason'],
    registers: [registry],
    async collect() {
      try {
        const counts = await loadHoldCounts(pool);
        this.reset();
        for (const { reason, held } of counts) this.inc({ reason }, held);
      } catch (err) {
        logger.debug({ err }, 'the holds cannot be counted');
      }
    },
  });
}
