import { readFile, statfs } from 'node:fs/promises';
import { z } from 'zod';
import { duration } from '../../platform/config-sections';
import { samplesAt, type Sample } from '../sample';

/**
 * Keys of this collector. `interval` may come from AGENT_INTERVAL, where a bare number has always
 * meant seconds: a number below 1000 is read so, from there on it is milliseconds as everywhere.
 */
export const HOST_KEYS = {
  interval: z
    .union([z.number(), z.string()])
    .transform((given) => {
      const isSeconds = /^\s*\d+(\.\d+)?\s*$/.test(String(given)) && Number(given) < 1_000;
      return isSeconds ? Number(given) * 1_000 : given;
    })
    .pipe(duration)
    .pipe(z.number().min(100, 'must be at least 100ms'))
    .prefault('10s'),
};

/** In a container single files of the host are mounted there. */
const SYSTEM_FOLDERS = /^\/(etc|proc|sys|dev)\//;

interface CpuTimes {
  idle: number;
  total: number;
}

/**
 * Measures the host: `cpu_usage`, `memory_usage` and `disk_usage` per mount, all 0..1. The first
 * look has no CPU figure, which is the share of the time since the last look.
 */
export function createHostCollector(deps: {
  host: string;
  now: () => number;
}): () => Promise<Sample[]> {
  const tags = { namespace: 'default', host: deps.host };
  let last: CpuTimes | null = null;

  return async () => {
    const at = deps.now();
    const times = cpuTimes(await readFile('/proc/stat', 'utf8'));
    const cpu = last === null ? null : cpuUsage(last, times);
    last = times;
    const memory = memoryUsage(await readFile('/proc/meminfo', 'utf8'));
    const disks = await diskUsages();
    return [
      ...samplesAt(at, tags, {
        ...(cpu === null ? {} : { cpu_usage: cpu }),
        ...(memory === null ? {} : { memory_usage: memory }),
      }),
      ...disks.flatMap(({ mount, usage }) =>
        samplesAt(at, { ...tags, mount }, { disk_usage: usage }),
      ),
    ];
  };
}

function cpuTimes(stat: string): CpuTimes {
  // cpu user nice system idle iowait irq softirq steal guest guest_nice; guests are in user already.
  const line = stat.slice(0, stat.indexOf('\n'));
  const times = line.trim().split(/\s+/).slice(1, 9).map(Number);
  return {
    idle: (times[3] ?? 0) + (times[4] ?? 0),
    total: times.reduce((sum, time) => sum + time, 0),
  };
}

function cpuUsage(before: CpuTimes, after: CpuTimes): number | null {
  const total = after.total - before.total;
  // iowait may run backwards by a little.
  return total <= 0 ? null : clamp(1 - (after.idle - before.idle) / total);
}

function memoryUsage(meminfo: string): number | null {
  const figure = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? NaN);
  const usage = 1 - figure('MemAvailable') / figure('MemTotal');
  return Number.isFinite(usage) ? clamp(usage) : null;
}

/** Local disks only: asking for the size of a network mount that is away would hang. */
async function diskUsages(): Promise<{ mount: string; usage: number }[]> {
  const mounts = localMounts(await readFile('/proc/self/mounts', 'utf8'));
  const usages = await Promise.all(
    mounts.map(async (mount) => {
      const sizes = await statfs(mount).catch(() => null);
      if (sizes === null || sizes.blocks === 0) return [];
      const used = sizes.blocks - sizes.bfree;
      // As df does: blocks that only root may use are no part of the whole.
      return [{ mount, usage: clamp(used / Math.max(1, used + sizes.bavail)) }];
    }),
  );
  return usages.flat();
}

/** The root, and one mount per block device; loop devices are images, always full. */
export function localMounts(table: string): string[] {
  const byDevice = new Map<string, string>([['/', '/']]);
  for (const line of table.split('\n')) {
    const [device = '', mount = ''] = line.split(' ');
    if (mount === '/') {
      byDevice.delete('/');
      byDevice.set(device, '/');
    }
    if (!device.startsWith('/dev/') || device.startsWith('/dev/loop')) continue;
    if (SYSTEM_FOLDERS.test(mount)) continue;
    if (!byDevice.has(device)) byDevice.set(device, unescaped(mount));
  }
  return [...byDevice.values()];
}

/** Blanks and the like are written in octal: `\040`. */
function unescaped(mount: string): string {
  return mount.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

function clamp(ratio: number): number {
  return Math.min(1, Math.max(0, ratio));
}
