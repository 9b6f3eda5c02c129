import { isActive, nextChange, type Schedule } from './calendar';
import type { PolicyTarget } from './policy/policy';
import { isTarget, type TargetCandidate } from './policy/targets';

/** A time in which nothing is done to its targets; what was held is decided anew when it ends. */
export interface MaintenanceWindow {
  /** `namespace/name`. */
  key: string;
  namespace: string;
  name: string;
  target: PolicyTarget;
  reason: string;
  /** Once; epoch ms, `to` excluded. */
  fixed: { from: number; to: number }[];
  /** Every week. */
  recurring: Schedule | null;
}

export interface OpenWindow {
  window: string;
  reason: string;
  /** Epoch ms; null: it never ends. */
  until: number | null;
}

/** The window that is open over a resource at `now` (epoch ms), the one that ends last; null: none. */
export function maintenanceOf(
  windows: readonly MaintenanceWindow[],
  resource: TargetCandidate,
  now: number,
): OpenWindow | null {
  const open = windows
    .filter((window) => isTarget(window, resource))
    .flatMap((window) =>
      endsOf(window, now).map((until) => ({ window: window.key, reason: window.reason, until })),
    );
  return open.sort((a, b) => (b.until ?? Infinity) - (a.until ?? Infinity))[0] ?? null;
}

/** When each part of the window that is open now ends. */
function endsOf({ fixed, recurring }: MaintenanceWindow, now: number): (number | null)[] {
  const once = fixed.filter(({ from, to }) => from <= now && now < to).map(({ to }) => to);
  const isOpen = recurring !== null && isActive(recurring, now);
  return isOpen ? [...once, nextChange(recurring, now)] : once;
}
