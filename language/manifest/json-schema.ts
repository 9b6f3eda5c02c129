import { z } from 'zod';
import type { RuntimeCatalogue } from '../../domain/action/runtime';
import { approvalSchema } from './approval';
import { approversSchema } from './approvers';
import { API_VERSION, metadataSchema } from './compile';
import { groupLimitsSchema, groupSchema, stormSchema } from './group';
import { MANIFEST_KINDS, type ManifestKind } from './kinds';
import { policyLimitsSchema } from './limits';
import { maintenanceSchema, spanSchema } from './maintenance';
import { policySchema, verifySchema } from './policy';
import { recurringSchema, scheduleSchema } from './schedule';
import { configFileSchema } from './service/config';
import { healthCheckSchema, remediationSchema } from './service/health';
import { processSchema } from './service/runtime';
import { scalingSchema, serviceSchema } from './service/service';
import { amountsSchema } from './service/short-forms';
import { driftSchema, syncSchema } from './service/sync';
import { stepSchema } from './steps';
import { targetSchema } from './target';

type JsonSchema = Record<string, unknown>;

/** A kind's `spec`, and those of its sections that are checked apart from it. */
interface Described {
  about: string;
  spec: z.ZodObject;
  sections: Readonly<Record<string, JsonSchema>>;
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/**
 * JSON Schemas of manifests, for editors: one a kind, and `manifest` for files that mix them. They
 * are made of the very schemas that `vigil check` uses; what is checked by hand they let pass.
 */
export function manifestSchemas(
  catalogue: readonly RuntimeCatalogue[],
): Record<string, JsonSchema> {
  const described = describedKinds(catalogue);
  const kinds = MANIFEST_KINDS.map((kind) => [kind, kindSchema(kind, described[kind])] as const);
  const whole = {
    $schema: DIALECT,
    title: 'A manifest of Vigil',
    type: 'object',
    required: ['kind'],
    properties: { kind: { enum: [...MANIFEST_KINDS] } },
    allOf: kinds.map(([kind, schema]) => ({
      if: { properties: { kind: { const: kind } }, required: ['kind'] },
      then: schema,
    })),
  };
  return {
    manifest: whole,
    ...Object.fromEntries(
      kinds.map(([kind, schema]) => [kind.toLowerCase(), { $schema: DIALECT, ...schema }]),
    ),
  };
}

function describedKinds(catalogue: readonly RuntimeCatalogue[]): Record<ManifestKind, Described> {
  const target = schemaOf(targetSchema);
  return {
    Service: {
      about: 'A thing to keep healthy: one runtime, on one host or on several',
      spec: serviceSchema,
      sections: {
        runtime: runtimeSchema(catalogue),
        healthCheck: schemaOf(healthCheckSchema),
        remediation: schemaOf(remediationSchema),
        config: { type: 'array', items: schemaOf(configFileSchema) },
        sync: withSections(syncSchema, { approval: schemaOf(approvalSchema) }),
        drift: schemaOf(driftSchema),
        resources: schemaOf(amountsSchema),
        scaling: schemaOf(scalingSchema),
      },
    },
    Policy: {
      about: 'When a condition holds long enough on its targets, steps are run, within limits',
      spec: policySchema,
      sections: {
        target,
        steps: { type: 'array', minItems: 1, items: schemaOf(stepSchema) },
        limits: schemaOf(policyLimitsSchema),
        approval: schemaOf(approvalSchema),
        verify: schemaOf(verifySchema),
        schedule: schemaOf(scheduleSchema),
      },
    },
    Group: {
      about: 'Members by selector, and how many of them may be acted on or unhealthy at once',
      spec: groupSchema,
      sections: {
        members: target,
        limits: schemaOf(groupLimitsSchema),
        storm: schemaOf(stormSchema),
      },
    },
    MaintenanceWindow: {
      about: 'When nothing is done to some Services, and why',
      spec: maintenanceSchema,
      sections: {
        target,
        fixed: { type: 'array', items: schemaOf(spanSchema) },
        recurring: schemaOf(recurringSchema),
      },
    },
    Approvers: { about: 'People who may say yes', spec: approversSchema, sections: {} },
  };
}

function kindSchema(kind: ManifestKind, { about, spec, sections }: Described): JsonSchema {
  const metadata = withSections(metadataSchema, {
    labels: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
  });
  return {
    title: kind,
    description: about,
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    additionalProperties: false,
    properties: {
      apiVersion: { const: API_VERSION },
      kind: { const: kind },
      metadata,
      spec: withSections(spec, sections),
    },
  };
}

/** `host` belongs to every runtime. */
function runtimeSchema(catalogue: readonly RuntimeCatalogue[]): JsonSchema {
  const host = { type: 'string', description: 'Where it runs; absent: on the control host' };
  const process = withSections(processSchema, {
    host,
    type: { const: 'process' },
    command: { type: 'array', items: {}, minItems: 1 },
  });
  const others = catalogue.flatMap(({ type, schema }) =>
    schema === undefined ? [] : [{ type, schema: withSections(schema, { host }) }],
  );
  const isOf = (type: string) => ({ properties: { type: { const: type } }, required: ['type'] });
  return {
    type: 'object',
    properties: { type: { enum: ['process', ...others.map(({ type }) => type)] } },
    allOf: [
      { if: { not: { required: ['type'] } }, then: process },
      { if: isOf('process'), then: process },
      ...others.map(({ type, schema }) => ({ if: isOf(type), then: schema })),
    ],
  };
}

function withSections(
  schema: z.ZodObject,
  sections: Readonly<Record<string, JsonSchema>>,
): JsonSchema {
  const whole = schemaOf(schema);
  return { ...whole, properties: { ...(whole['properties'] as JsonSchema), ...sections } };
}

/** As a person writes it. */
function schemaOf(schema: z.ZodType): JsonSchema {
  const whole = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return plain(whole) as JsonSchema;
}

/** What only a whole document may have; and a format that is the library's own. */
const LEFT_OUT = new Set(['$schema', '$defs']);

/** Without references: what contains itself is anything, and says so where it is reached again. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  if ('$ref' in value) return {};
  const entries = Object.entries(value).filter(
    ([key, part]) => !LEFT_OUT.has(key) && !(key === 'format' && part === 'starts_with'),
  );
  return Object.fromEntries(entries.map(([key, part]) => [key, plain(part)]));
}
