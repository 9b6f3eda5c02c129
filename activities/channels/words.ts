import type { Message, ToldNotice } from '../../domain/channel';

/** Notices told in full in one message for people; the others are counted. */
const SHOWN = 10;

/** `[critical] default/web is held`; one line without control characters. */
export function headingOf(notice: ToldNotice): string {
  const mark = notice.isResolved ? 'resolved' : notice.severity;
  const again = notice.isReminder ? 'still: ' : '';
  return `[${mark}] ${again}${oneLine(notice.title)}`;
}

/** The first notice's heading, and how many more there are. */
export function headlineOf({ notices }: Message): string {
  const [first] = notices;
  if (first === undefined) return '';
  const more = notices.length - 1;
  return more === 0 ? headingOf(first) : `${headingOf(first)} (and ${more} more)`;
}

/** What is told in full, and the line that says what is left out (null: nothing). */
export function shownOf({ notices }: Message): { shown: ToldNotice[]; rest: string | null } {
  const shown = notices.slice(0, SHOWN);
  const more = notices.length - shown.length;
  return { shown, rest: more === 0 ? null : `and ${more} more: ./vigil notices` };
}

/** The text, since when, and where to look. */
export function bodyOf(notice: ToldNotice): string[] {
  const look = lookOf(notice);
  return [
    ...notice.text.split('\n'),
    `Since ${new Date(notice.since).toISOString()}`,
    ...(notice.text.includes(look) ? [] : [`Look: ${look}`]),
    ...(notice.url === null ? [] : [notice.url]),
  ];
}

/** The command that says more. */
export function lookOf({ resource }: ToldNotice): string {
  return resource === null ? './vigil notices' : `./vigil why ${resource}`;
}

export function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim();
}

/** At most so many characters, the last one an ellipsis where something was cut off. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
