import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { readLogLine } from './log-line';
import { openRotatingLog } from './rotating-log';

const MAX_BYTES = 10 * 1024 * 1024;
const KEEP = 3;
const LAST_WORDS = 5;
const STACK_FRAME = /^\s+at /;
/** The same line is shown again only after this long: a server that is away is said once. */
const REPEAT_AFTER_MS = 30_000;

export interface ChildOutput {
  path: string;
  /** Reads both streams of a process that was just started. */
  attach: (stdout: Readable, stderr: Readable, onMessage: (message: string) => void) => void;
  /** The latest lines that may say why the process ended; a new process starts with none. */
  lastWords: () => string;
  close: () => void;
}

/** Output of one child goes to its log file; its warnings and errors also to `say`. */
export function createChildOutput(path: string, say: (line: string) => void): ChildOutput {
  const log = openRotatingLog(path, { maxBytes: MAX_BYTES, keep: KEEP });
  const shownAt = new Map<string, number>();
  let last: string[] = [];
  let isOpen = true;

  function remember(text: string): void {
    if (text.trim() === '' || STACK_FRAME.test(text)) return;
    last = [...last, text].slice(-LAST_WORDS);
  }

  function show(text: string): void {
    const now = performance.now();
    if (now - (shownAt.get(text) ?? -Infinity) < REPEAT_AFTER_MS) return;
    if (shownAt.size > 1000) shownAt.clear();
    shownAt.set(text, now);
    say(text);
  }

  function follow(stream: Readable, onLine: (line: string) => void): void {
    createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => {
      if (!isOpen) return;
      log.write(`${line}\n`);
      onLine(line);
    });
  }

  return {
    path,
    attach(stdout, stderr, onMessage) {
      last = [];
      follow(stdout, (line) => {
        const entry = readLogLine(line);
        if (entry === null) {
          remember(line);
          return;
        }
        onMessage(entry.message);
        if (!entry.isProblem) return;
        remember(entry.text);
        show(entry.text);
      });
      follow(stderr, remember);
    },
    lastWords: () => last.join('\n'),
    close() {
      isOpen = false;
      log.close();
    },
  };
}
