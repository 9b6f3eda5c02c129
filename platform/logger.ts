import { pino, type Logger } from 'pino';

export type { Logger };

/** JSON lines on standard output: constant message, fields. `process` names the part: api, worker, … */
export function createLogger(process: string, level: string): Logger {
  return pino({
    level,
    base: { process },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: ['token', '*.token', 'authorization', '*.authorization', 'password', '*.password'],
  });
}
