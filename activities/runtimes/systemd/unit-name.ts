/** Kinds of unit that are somebody's workload. A target such as `reboot.target` acts on the whole host. */
export const UNIT_KINDS = ['service', 'socket', 'timer', 'path', 'mount'] as const;

const KIND = new RegExp(`\\.(${UNIT_KINDS.join('|')})$`);
const NAME = /^[A-Za-z0-9:_.\\][A-Za-z0-9:_.\\-]*(@[A-Za-z0-9:_.\\-]+)?$/;
const MAX_LENGTH = 255;

/** A name without a suffix is a service's, as for systemctl itself. */
export function withSuffix(unit: string): string {
  return /\.[a-z]+$/.test(unit) ? unit : `${unit}.service`;
}

/** No pattern, no option, no template without an instance, and of a kind that may be acted on. */
export function isUnitName(unit: string): boolean {
  const kind = KIND.exec(unit);
  if (kind === null || unit.length > MAX_LENGTH) return false;
  return NAME.test(unit.slice(0, kind.index));
}
