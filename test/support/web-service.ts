import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stack } from './stack';

const SERVER = join(__dirname, '../../examples/web/server.mjs');

/** A Service of a stack that runs examples/web, and what can be seen of it from outside Vigil. */
export interface WebService {
  name: string;
  url: string;
  /** Its file of configuration, which the manifest keeps. */
  configPath: string;
  /** Of the process that answers now; null when none does. */
  pid: () => Promise<number | null>;
  /** How often a process of it has come up, by its own log. */
  starts: () => number;
  /** One of the ways in which it goes wrong: `/sick?seconds=60`. */
  call: (path: string) => Promise<number>;
}

export const CONFIG = '# Kept by Vigil.\ngreeting = hello\n';

/** Writes the manifests of a Service and its policies into the stack's folder. */
export function addWebService(
  stack: Stack,
  {
    name,
    port,
    policies,
    sync = 'detect',
  }: { name: string; port: number; policies: string[]; sync?: 'detect' | 'heal' },
): WebService {
  const configPath = join(stack.home, `${name}.conf`);
  const service = `apiVersion: vigil.io/v1
kind: Service
metadata: { name: ${name} }
spec:
  runtime:
    type: process
    command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(SERVER)}]
    env: { PORT: '${port}' }
    stopWithVigil: true
  healthCheck: { endpoint: 'http://127.0.0.1:${port}/health', interval: 1s, timeout: 1s }
  config:
    - { path: ${JSON.stringify(configPath)}, content: ${JSON.stringify(CONFIG)} }
  sync: { mode: ${sync}, cooldown: 2s }
`;
  stack.write(`${name}.yaml`, [service, ...policies].join('---\n'));
  const url = `http://127.0.0.1:${port}`;
  const log = join(stack.home, 'run/default', name, 'stdout.log');
  return {
    name,
    url,
    configPath,
    pid: () => pidBehind(url),
    starts: () => readFileSync(log, 'utf8').split('listening on').length - 1,
    async call(path) {
      const response = await fetch(`${url}${path}`);
      await response.text();
      return response.status;
    },
  };
}

/** A policy that restarts it as often as a test breaks it; `spec` are further fields, or others. */
export function restartPolicy(
  name: string,
  target: string,
  { condition, ...spec }: { condition: string } & Record<string, string>,
): string {
  const fields = Object.entries({ cooldown: '3s', limits: '{ perHour: 1000 }', ...spec }).map(
    ([key, value]) => `  ${key}: ${value}\n`,
  );
  return `apiVersion: vigil.io/v1
kind: Policy
metadata: { name: ${name} }
spec:
  target: { name: ${target} }
  condition: ${JSON.stringify(condition)}
  action: restart
  verify: { settle: 0s, stable: 1s, within: 30s }
${fields.join('')}`;
}

/** The server says who it is. */
async function pidBehind(url: string): Promise<number | null> {
  try {
    const health = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) });
    await health.text();
    if (!health.ok) return null;
    const text = await (await fetch(url, { signal: AbortSignal.timeout(2000) })).text();
    return Number(/process (\d+)/.exec(text)?.[1] ?? 'NaN');
  } catch {
    return null;
  }
}
