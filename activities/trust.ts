import { demotionAudit, demotionNotice } from '../domain/action/demotion';
import { distrust, isFalseFix, type TrustLimits } from '../domain/action/trust';
import { loadRecentFixes, lockLastFix, markFalseFix } from '../storage/action-results';
import { insertAudit } from '../storage/audit';
import type { Db } from '../storage/database';
import type { StoredPolicy } from '../storage/decision-facts';
import { insertDemotion, liftOutdated } from '../storage/demotions';
import { insertNotice } from '../storage/notices';

/**
 * A policy fires on a resource: was its last fix there a false one, and was that one too many? In
 * the caller's transaction; a second call for the same firing changes nothing.
 *
 * @param firing `firedAt`: when its condition had held long enough, epoch ms
 */
export async function judgeLastFix(
  db: Db,
  { policy, revision }: StoredPolicy,
  firing: { resource: string; firedAt: number; limits: TrustLimits },
): Promise<void> {
  const at = { key: policy.key, revision };
  const change = { revision, actor: 'vigil', door: 'worker' as const, correlationId: null };
  if (await liftOutdated(db, at)) {
    const promoted = { ...change, event: 'promoted', reason: 'the policy was edited' } as const;
    await insertAudit(db, [demotionAudit(policy, promoted)]);
    await insertNotice(db, demotionNotice(policy, promoted));
  }
  const fix = await lockLastFix(db, policy.key, firing.resource);
  const { firedAt, limits } = firing;
  if (fix === null) return;
  const { cooldownMs } = policy;
  if (!isFalseFix({ recordedAt: fix.recordedAt, firedAt, cooldownMs }, limits)) return;
  await markFalseFix(db, fix.actionId, firedAt);
  if (policy.onFalseFixes === 'ignore') return;
  const reason = distrust(await loadRecentFixes(db, at, limits.last), limits);
  if (reason === null || !(await insertDemotion(db, at, reason))) return;
  const demoted = { ...change, event: 'demoted', reason } as const;
  await insertAudit(db, [demotionAudit(policy, demoted)]);
  await insertNotice(db, demotionNotice(policy, demoted));
}
