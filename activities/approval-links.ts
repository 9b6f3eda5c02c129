import { randomUUID } from 'node:crypto';
import { LINK_PURPOSE, linkText, linkUrl, type LinkMaker } from '../domain/approval-link';
import { signToken } from '../platform/signed-token';
import type { ActivityDeps } from './deps';

/** Makes the links of notices; null where nobody said how people reach the API, or without a key. */
export function linkMaker(
  deps: Pick<ActivityDeps, 'publicUrl' | 'approvalKey' | 'logger'>,
): LinkMaker | null {
  const { publicUrl } = deps;
  if (publicUrl === undefined) return null;
  const key = keyOrNull(deps);
  if (key === null) return null;
  return (wanted) => {
    const link = { ...wanted, decision: null, nonce: randomUUID(), madeBy: 'vigil' };
    return linkUrl(publicUrl, signToken({ key, purpose: LINK_PURPOSE }, linkText(link)));
  };
}

/** Without a key people are asked all the same: only the links are missing. */
function keyOrNull({ approvalKey, logger }: Pick<ActivityDeps, 'approvalKey' | 'logger'>) {
  try {
    return approvalKey();
  } catch (err) {
    logger.warn({ err }, 'the approval key cannot be read: notices go out without links');
    return null;
  }
}
