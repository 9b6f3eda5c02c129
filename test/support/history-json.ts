/** A history as JSON, as far as a test needs to know it. Ids are decimal text or numbers. */
export interface HistoryJson {
  events: HistoryEventJson[];
}

interface HistoryEventJson {
  eventId: string | number;
  [attributes: string]: unknown;
}

/** A copy without the first activity of that type, its events numbered anew: as if it had never been. */
export function withoutActivity({ events }: HistoryJson, type: string): HistoryJson {
  const scheduled = events.find(({ activityTaskScheduledEventAttributes: given }) => {
    const attributes = given as { activityType?: { name?: string } } | undefined;
    return attributes?.activityType?.name === type;
  });
  if (scheduled === undefined) throw new Error(`the history has no activity ${type}`);
  const kept = events.filter(
    (event) => event !== scheduled && !refersTo(event, String(scheduled.eventId)),
  );
  const numbers = new Map(kept.map(({ eventId }, i) => [String(eventId), String(i + 1)]));
  return { events: kept.map((event) => renumber(event, numbers) as HistoryEventJson) };
}

/** Started, completed, failed: all of them name the event that scheduled the activity. */
function refersTo(event: HistoryEventJson, eventId: string): boolean {
  return Object.entries(event).some(
    ([name, attributes]) =>
      name.startsWith('activityTask') &&
      String((attributes as { scheduledEventId?: unknown }).scheduledEventId) === eventId,
  );
}

function renumber(value: unknown, numbers: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((one) => renumber(one, numbers));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      /^eventId$|EventId$/.test(key) ? (numbers.get(String(one)) ?? one) : renumber(one, numbers),
    ]),
  );
}
