import { z } from 'zod';
import type { RuntimeCatalogue } from '../../../domain/action/runtime';
import { parseMemory } from '../../../domain/quantity';
import type { DockerSpec } from '../../../domain/runtime-spec';
import { duration } from '../../../platform/config-sections';

/** The engine refuses less. */
const MIN_MEMORY = 6 * 2 ** 20;

const memory = z.union([z.string(), z.number()]).transform((given, context) => {
  const bytes = parseMemory(String(given));
  if (bytes !== null && bytes >= MIN_MEMORY) return bytes;
  const message = bytes === null ? `must be an amount such as 512Mi or 1G` : `must be at least 6Mi`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** A whole number reads as it was written; any other (1.10) would not, and has to be quoted. */
const value = z.union(
  [z.string(), z.int().transform(String), z.boolean().transform(String)],
  'must be text; put it in quotes',
);

/** A mapping to text whose keys all match. */
function mapOf(keys: RegExp, message: string) {
  return z.record(z.string(), value).superRefine((map, context) => {
    for (const key of Object.keys(map).filter((name) => !keys.test(name))) {
      context.addIssue({ code: 'custom', path: [key], message });
    }
  });
}

const line = z.string().min(1, 'must not be empty');

const NAMED = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Vigil knows its containers by labels of its own. */
const FOREIGN = /^(?!vigil\.)./;
const PORT = /^(?:[0-9a-fA-F.:[\]]+:)?\d{1,5}:\d{1,5}(?:\/(?:tcp|udp|sctp))?$/;
const VOLUME = /^[^:]+:\/[^:]*(?::(?:ro|rw|z|Z)(?:,(?:ro|rw|z|Z))*)?$/;

const health = z.strictObject({
  command: z.array(line).min(1, 'must name a program'),
  interval: duration.default(10_000),
  timeout: duration.default(5_000),
  retries: z.int().min(1, 'must be at least 1').default(3),
  startPeriod: duration.default(0),
});

const fields = {
  type: z.literal('docker'),
  image: line.nullable().default(null),
  adopt: line.nullable().default(null),
  command: z.array(z.string()).min(1, 'must name a program').nullable().default(null),
  env: mapOf(NAMED, 'is no name of an environment variable').default({}),
  replicas: z.int().min(1, 'must be at least 1').max(100, 'must be at most 100').default(1),
  resources: z
    .strictObject({
      cpus: z.number().positive('must be above 0').nullable().default(null),
      memory: memory.nullable().default(null),
    })
    .prefault({}),
  network: line.nullable().default(null),
  ports: z.array(z.string().regex(PORT, 'must be HOST:CONTAINER, such as "8080:80"')).default([]),
  volumes: z.array(z.string().regex(VOLUME, 'must be SOURCE:/PATH or SOURCE:/PATH:ro')).default([]),
  labels: mapOf(FOREIGN, 'is a label of Vigil itself').default({}),
  stopTimeout: duration.default(10_000),
  health: health.nullable().default(null),
  healthyWithin: duration.default(30_000),
  runningFor: duration.default(3_000),
  pull: z.enum(['never', 'missing']).default('never'),
};

/** `spec.runtime` of a manifest, with Docker's own words where it has some. */
export const DOCKER_SCHEMA = z.strictObject(fields).superRefine((spec, context) => {
  const say = (path: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [path], message });
  };
  if (spec.image === null && spec.adopt === null) {
    say('image', 'is missing: name an image, or with "adopt" a container that is not Vigil\'s');
  }
  if (spec.image !== null && spec.adopt !== null) {
    say('adopt', 'names a container that is there already, so it has its image: leave "image" out');
  }
  if (spec.ports.length > 0 && spec.replicas > 1) {
    say('ports', 'can be published by one container only: leave "ports" out, or have one replica');
  }
  if (spec.network === 'host' && spec.ports.length > 0) {
    say('ports', 'are not published on network host: leave "ports" out');
  }
}) satisfies z.ZodType<DockerSpec>;

const SCALE_UP = { verb: 'scale', params: { by: 1 } };

/** Runtime `docker`: a set of equal containers that Vigil makes, or one that it adopts. */
export const DOCKER_CATALOGUE: RuntimeCatalogue = {
  type: 'docker',
  schema: DOCKER_SCHEMA,
  verbs: [
    {
      verb: 'restart',
      summary: 'make each container anew, one after the other, from what it runs now',
      params: [],
    },
    { verb: 'start', summary: 'start what does not run, and make what is missing', params: [] },
    { verb: 'stop', summary: 'stop every container, and keep it', params: [] },
    {
      verb: 'scale',
      summary: 'change the number of replicas, within spec.scaling',
      params: [
        { name: 'by', type: 'number' },
        { name: 'to', type: 'number' },
      ],
    },
    {
      verb: 'update',
      summary:
        'swap each container for one with another image, environment (NAME=value lines) or limits; the old one is back when the new one does not become healthy',
      params: [
        { name: 'image', type: 'string' },
        { name: 'env', type: 'string' },
        { name: 'cpus', type: 'number' },
        { name: 'memory', type: 'string' },
      ],
    },
    {
      verb: 'sync',
      summary: 'swap each container that is not as the manifest says, and put their number right',
      params: [],
    },
    { verb: 'pause', summary: 'freeze the processes of every container', params: [] },
    { verb: 'unpause', summary: 'let them go on', params: [] },
  ],
  aliases: { restart_service: 'restart', scale_up: SCALE_UP, 'scale-up': SCALE_UP },
};
