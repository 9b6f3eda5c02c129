/** In characters of JSON. */
const MAX_VALUE = 2000;
const MAX_ALL = 8000;
const MAX_NAMES = 20;

/**
 * Details of an effect as they go into the audit: of a long text its end, where a log says what
 * happened last; what is still too much is left out by name, in `leftOut`.
 */
export function capDetails(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries: [string, unknown][] = [];
  const leftOut: string[] = [];
  let size = 0;
  for (const [name, value] of Object.entries(details)) {
    const short = shorten(value);
    const more = JSON.stringify({ [name]: short }).length;
    if (size + more > MAX_ALL) leftOut.push(name);
    else {
      entries.push([name, short]);
      size += more;
    }
  }
  const kept = Object.fromEntries(entries); // also a name like __proto__ is only a name
  return leftOut.length === 0 ? kept : { ...kept, leftOut: leftOut.slice(0, MAX_NAMES) };
}

function shorten(value: unknown): unknown {
  if (typeof value === 'string') {
    return value.length > MAX_VALUE ? `…${value.slice(-MAX_VALUE)}` : value;
  }
  if (!Array.isArray(value)) return value;
  const lines = value.map(shorten);
  while (lines.length > 1 && JSON.stringify(lines).length > MAX_VALUE) lines.shift();
  return lines;
}
