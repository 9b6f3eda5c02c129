import { types } from 'node:util';
import type { ApiDeps } from './deps';

const TIMEOUT_MS = 1000;
const FRESH_MS = 1000;

export interface DependencyHealth {
  status: 'ok' | 'down' | 'absent';
  detail?: string;
}

export interface Health {
  status: 'ok' | 'degraded' | 'down';
  dependencies: Record<'postgres' | 'temporal' | 'redis', DependencyHealth>;
  version: string;
}

type HealthDeps = Pick<ApiDeps, 'pool' | 'temporal' | 'redis' | 'now' | 'version'>;

/** Asks each dependency, at most once a second however often it is called. Never rejects. */
export function createHealthCheck(deps: HealthDeps): () => Promise<Health> {
  let latest: { at: number; health: Promise<Health> } | null = null;
  return () => {
    const at = deps.now();
    if (latest === null || at - latest.at >= FRESH_MS) latest = { at, health: checkAll(deps) };
    return latest.health;
  };
}

/** Without PostgreSQL nothing works; without Temporal or Redis samples are still taken. */
async function checkAll({ pool, temporal, redis, now, version }: HealthDeps): Promise<Health> {
  const [postgres, temporalHealth, redisHealth] = await Promise.all([
    check(() => checkPostgres(pool)),
    check(() =>
      temporal.connection.withDeadline(now() + TIMEOUT_MS, () =>
        temporal.workflowService.getSystemInfo({}),
      ),
    ),
    redis === null ? ({ status: 'absent' } as const) : check(() => redis.ping()),
  ]);
  const isDegraded = temporalHealth.status === 'down' || redisHealth.status === 'down';
  return {
    status: postgres.status === 'down' ? 'down' : isDegraded ? 'degraded' : 'ok',
    dependencies: { postgres, temporal: temporalHealth, redis: redisHealth },
    version,
  };
}

/** A server without our tables answers, but serves nobody. */
async function checkPostgres(pool: ApiDeps['pool']): Promise<void> {
  const { rowCount } = await pool.query(`select 1 where to_regclass('samples') is not null`);
  if (rowCount === 0) throw new Error('the database is not migrated yet (vigil migrate)');
}

async function check(ask: () => Promise<unknown>): Promise<DependencyHealth> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${TIMEOUT_MS} ms`));
    }, TIMEOUT_MS);
  });
  try {
    await Promise.race([ask(), tooLate]);
    return { status: 'ok' };
  } catch (error) {
    return { status: 'down', detail: describe(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** Node wraps the refusals of several addresses in an error without a message. */
function describe(error: unknown): string {
  if (!types.isNativeError(error)) return String(error);
  return error.message === '' ? ((error as { code?: string }).code ?? error.name) : error.message;
}
