/** What one line of a process's output says, or null when it is not one of its JSON log lines. */
export interface LogLine {
  isProblem: boolean;
  message: string;
  /** For people: the message with its fields, a list of problems on lines of their own. */
  text: string;
}

const PROBLEM_LEVELS = new Set(['warn', 'error', 'fatal']);
const FIRST_PROBLEM_LEVEL = 40;
/** Fields that say nothing to somebody who reads the line as it appears. */
const NOISE = new Set(['level', 'time', 'pid', 'hostname', 'process', 'msg', 'stack']);
const LONGEST_FIELD = 300;

export function readLogLine(line: string): LogLine | null {
  const entry = parseObject(line);
  const message = entry?.['msg'];
  if (entry === null || typeof message !== 'string') return null;
  const fields = Object.entries(entry).filter(([name]) => !NOISE.has(name));
  const lists = fields.filter(([, value]) => isListOfText(value));
  const plain = fields.filter(([, value]) => !isListOfText(value));
  const lines = lists.flatMap(([, value]) => (value as string[]).map((item) => `  ${item}`));
  return {
    isProblem: isProblem(entry['level']),
    message,
    text: [[message, ...plain.map(renderField)].join(' '), ...lines].join('\n'),
  };
}

function isProblem(level: unknown): boolean {
  if (typeof level === 'number') return level >= FIRST_PROBLEM_LEVEL;
  return typeof level === 'string' && PROBLEM_LEVELS.has(level);
}

function parseObject(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}

function isListOfText(value: unknown): boolean {
  return (
    Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')
  );
}

function renderField([name, value]: [string, unknown]): string {
  const text = typeof value === 'string' ? value : (messageOf(value) ?? JSON.stringify(value));
  const short = text.length > LONGEST_FIELD ? `${text.slice(0, LONGEST_FIELD)}…` : text;
  return `${name}=${/\s/.test(short) ? JSON.stringify(short) : short}`;
}

/** Errors as pino writes them: only their message belongs on a terminal. */
function messageOf(value: unknown): string | null {
  const message = (value as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : null;
}
