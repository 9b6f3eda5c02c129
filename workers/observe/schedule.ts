import type { ResourceKey } from '../../domain/resource';
import type { ObservedResource } from '../../storage/states';
import { Queue } from './queue';

export interface Pace {
  /** Between two looks where nothing tells of changes, and for a while after one. */
  intervalMs: number;
  /** Between two looks at what is quiet and whose runtime tells of changes itself. */
  resyncMs: number;
  /** How long a resource is looked at often after something happened to it. */
  attentiveMs: number;
  /** Events come in bursts: two looks at one resource are at least so far apart. */
  apartMs: number;
  /** 0 up to 1: spreads looks, so that they do not come all at once. */
  random: () => number;
}

const SCANS_APART_MS = 20;

interface Entry {
  resource: ObservedResource;
  dueAt: number;
  lookedAt: number;
  stirredAt: number;
  came: string | null;
  isUnderWay: boolean;
  isReady: boolean;
  isUrgent: boolean;
}

interface Line {
  urgent: Queue<Entry>;
  ready: Queue<Entry>;
}

type IsBusy = (runtimeType: string) => boolean;

/** When to look at which resource. All times are in epoch ms. */
export class Schedule {
  private readonly entries = new Map<ResourceKey, Entry>();
  /** By runtime type: what waits for one that is busy holds up no other. */
  private readonly lines = new Map<string, Line>();
  /** Before then, nothing that waits can become due. */
  private quietUntil = -Infinity;

  private readonly pace: Pace;

  constructor(pace: Pace) {
    this.pace = pace;
  }

  get(resource: ResourceKey): ObservedResource | undefined {
    return this.entries.get(resource)?.resource;
  }

  *all(): IterableIterator<ObservedResource> {
    for (const { resource } of this.entries.values()) yield resource;
  }

  /** What there is now. What is new or of another revision is due at once. Answers with what is gone. */
  replace(resources: readonly ObservedResource[], now: number): ResourceKey[] {
    return this.update([...this.entries.keys()], resources, now);
  }

  /** As `replace`, of some: those of `asked` that are not in `found` are gone. */
  update(
    asked: readonly ResourceKey[],
    found: readonly ObservedResource[],
    now: number,
  ): ResourceKey[] {
    const present = new Set(found.map(({ resource }) => resource));
    const gone = asked.filter((key) => !present.has(key) && this.entries.delete(key));
    for (const resource of found) this.put(resource, now);
    return gone;
  }

  private put(resource: ObservedResource, now: number): void {
    const known = this.entries.get(resource.resource);
    if (known === undefined) {
      const never = { lookedAt: -Infinity, came: null, isUnderWay: false };
      const idle = { isReady: false, isUrgent: false };
      this.entries.set(resource.resource, {
        resource,
        dueAt: now,
        stirredAt: now,
        ...never,
        ...idle,
      });
      this.quietUntil = -Infinity;
      return;
    }
    const isOther = isChanged(known.resource, resource);
    known.resource = resource;
    if (isOther) this.stir(resource.resource, now);
  }

  /** Something happened to it: it is due at once, and looked at often for a while. */
  stir(resource: ResourceKey, now: number): void {
    const entry = this.entries.get(resource);
    if (entry === undefined) return;
    entry.stirredAt = now;
    entry.dueAt = Math.max(now, entry.lookedAt + this.pace.apartMs);
    if (entry.isUnderWay) return;
    if (entry.dueAt > now) this.quietUntil = Math.min(this.quietUntil, entry.dueAt);
    else this.hurry(entry);
  }

  /**
   * The next one that is due and whose runtime is not busy, what was stirred first; not given again
   * before `done`. Null: there is none.
   */
  take(now: number, isBusy: IsBusy = () => false): ObservedResource | null {
    this.scan(now);
    for (;;) {
      const entry = this.shift('urgent', isBusy) ?? this.shift('ready', isBusy);
      if (entry === undefined) return null;
      // It may stand in both queues, and may be gone.
      if (!entry.isReady || this.entries.get(entry.resource.resource) !== entry) continue;
      entry.isReady = false;
      entry.isUrgent = false;
      entry.isUnderWay = true;
      entry.lookedAt = now;
      // What stirs it from now on is not seen by this look.
      entry.dueAt = Infinity;
      return entry.resource;
    }
  }

  /**
   * It was looked at, and what that came to, in any words: another word than last time keeps it
   * looked at often. `isTold`: its runtime tells of changes by itself.
   */
  done(resource: ResourceKey, now: number, look: { came: string; isTold: boolean }): void {
    const entry = this.entries.get(resource);
    if (entry === undefined) return;
    entry.isUnderWay = false;
    if (look.came !== entry.came) entry.stirredAt = now;
    entry.came = look.came;
    const { intervalMs, resyncMs, attentiveMs, random } = this.pace;
    const isCalm = look.isTold && now - entry.stirredAt >= attentiveMs;
    const usual = (isCalm ? resyncMs : intervalMs) * (0.85 + 0.3 * random());
    entry.dueAt = Math.min(entry.dueAt, now + usual);
    this.quietUntil = Math.min(this.quietUntil, entry.dueAt);
  }

  /** When the next one is due whose runtime is not busy; Infinity: nothing waits to be looked at. */
  nextAt(isBusy: IsBusy = () => false): number {
    const isWaiting = [...this.lines].some(
      ([type, { urgent, ready }]) => urgent.size + ready.size > 0 && !isBusy(type),
    );
    return isWaiting ? -Infinity : this.quietUntil;
  }

  private makeReady(entry: Entry, how: keyof Line): void {
    entry.isReady = true;
    const { type } = entry.resource.spec.runtime;
    const line = this.lines.get(type) ?? { urgent: new Queue(), ready: new Queue() };
    this.lines.set(type, line);
    line[how].push(entry);
  }

  private shift(how: keyof Line, isBusy: IsBusy): Entry | undefined {
    for (const [type, line] of this.lines) {
      const entry = isBusy(type) ? undefined : line[how].shift();
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  private hurry(entry: Entry): void {
    if (entry.isUrgent) return;
    entry.isUrgent = true;
    this.makeReady(entry, 'urgent');
  }

  private scan(now: number): void {
    if (now < this.quietUntil) return;
    let next = Infinity;
    for (const entry of this.entries.values()) {
      if (entry.isUnderWay || entry.isReady) continue;
      if (entry.dueAt <= now) this.makeReady(entry, 'ready');
      else next = Math.min(next, entry.dueAt);
    }
    // In a large fleet something is due at every moment, and each scan passes all of it.
    this.quietUntil = Math.max(next, now + SCANS_APART_MS);
  }
}

function isChanged(before: ObservedResource, after: ObservedResource): boolean {
  return (
    before.revision !== after.revision ||
    JSON.stringify(before.overrides) !== JSON.stringify(after.overrides)
  );
}
