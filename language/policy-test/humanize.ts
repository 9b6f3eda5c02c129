import { formatFloat } from './go-format';

/** Numbers as Prometheus' templates write them for people. */

const LARGE = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
const LARGE_1024 = ['ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi'];
const SMALL = ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y'];

export function g4(value: number): string {
  return formatFloat(value, 'g', 4);
}

function grown(value: number, base: number, prefixes: readonly string[]): string {
  let size = value;
  let prefix = '';
  for (const next of prefixes) {
    if (Math.abs(size) < base) break;
    prefix = next;
    size /= base;
  }
  return g4(size) + prefix;
}

function shrunk(value: number): string {
  let size = value;
  let prefix = '';
  for (const next of SMALL) {
    if (Math.abs(size) >= 1) break;
    prefix = next;
    size *= 1000;
  }
  return g4(size) + prefix;
}

export function humanize(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return g4(value);
  return Math.abs(value) >= 1 ? grown(value, 1000, LARGE) : shrunk(value);
}

export function humanize1024(value: number): string {
  const isPlain = Math.abs(value) <= 1 || !Number.isFinite(value);
  return isPlain ? g4(value) : grown(value, 1024, LARGE_1024);
}

export function humanizeDuration(value: number): string {
  if (!Number.isFinite(value)) return g4(value);
  if (value === 0) return '0s';
  const size = Math.abs(value);
  if (size < 1) return `${shrunk(value)}s`;
  const sign = value < 0 ? '-' : '';
  const whole = Math.trunc(size);
  const [days, hours] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24];
  const [minutes, seconds] = [Math.floor(whole / 60) % 60, whole % 60];
  if (days !== 0) return `${sign}${days}d ${hours}h ${minutes}m ${seconds}s`;
  if (hours !== 0) return `${sign}${hours}h ${minutes}m ${seconds}s`;
  if (minutes !== 0) return `${sign}${minutes}m ${seconds}s`;
  return `${sign}${g4(size)}s`;
}

/** As Go prints a time in UTC: `2026-05-01 12:00:00.5 +0000 UTC`; null: no such time. */
export function humanizeTimestamp(value: number): string | null {
  if (!Number.isFinite(value)) return g4(value);
  const date = new Date(Math.floor(value * 1000));
  if (Number.isNaN(date.getTime())) return null;
  const iso = date.toISOString();
  const fraction = iso.slice(19, 23).replace(/\.?0+$/, '');
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction} +0000 UTC`;
}
