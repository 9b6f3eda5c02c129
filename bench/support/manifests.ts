import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../cli/up/paths';

export const NAMESPACE = 'bench';
/** What the policies of a benchmark read: above 0 is an incident. */
export const METRIC = 'bench_down';
/** How long a Service is left alone after an action, milliseconds. */
export const COOLDOWN_MS = 1000;

/** A group of Services that run a process which only sleeps, and the one policy that restarts them. */
export interface Group {
  name: string;
  size: number;
  condition: string;
}

/** `namespace/name` of each Service of a group. */
export function resourcesOf({ name, size }: Group): string[] {
  return Array.from({ length: size }, (_, index) => `${NAMESPACE}/${name}-${index + 1}`);
}

/** Any number of them may be acted on at once and as often as they fail, and one clear sample verifies: only speed is asked for. */
export function manifestsOf(groups: readonly Group[]): string {
  return groups
    .flatMap((group) => [...resourcesOf(group).map((key) => service(group, key)), policy(group)])
    .join('---\n');
}

function service({ name }: Group, key: string): string {
  return `apiVersion: vigil.io/v1
kind: Service
metadata: { name: ${key.split('/')[1] ?? ''}, namespace: ${NAMESPACE}, labels: { group: ${name} } }
spec:
  runtime: { type: process, command: [sleep, '1000000'], cwd: /, stopWithVigil: true }
`;
}

function policy({ name, condition }: Group): string {
  return `apiVersion: vigil.io/v1
kind: Policy
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec:
  target: { labels: { group: ${name} } }
  condition: ${condition}
  severity: critical
  action: restart
  cooldown: ${COOLDOWN_MS}ms
  limits: { maxConcurrent: 1000, perHour: 1000000 }
  verify: { settle: 0s, stable: 0s, within: 30s }
`;
}

const DEMO_PORT = 18080;

/** The demo as it is, but with a port and a config file of its own. */
export function demoManifests(home: string, portOffset: number): string {
  const folder = join(repositoryRoot(), 'manifests/demo');
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
  return files
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('---\n')
    .replaceAll(String(DEMO_PORT), String(demoPort(portOffset)))
    .replaceAll('.vigil/demo', join(home, 'demo'));
}

export function demoPort(portOffset: number): number {
  return DEMO_PORT + portOffset;
}
