import { z } from 'zod';
import type { RuntimeCatalogue } from '../../domain/action/runtime';
import { approvalSchema } from './approval';
import { approversSchema } from './approvers';
import { API_VERSION, metadataSchema } from './compile';
import { conditionSchema, listSchema } from './condition';
import { groupLimitsSchema, groupSchema, stormSchema } from './group';
import { gradeSchema, severityWord } from './hysteresis';
import { MANIFEST_KINDS, type ManifestKind } from './kinds';
import { policyLimitsSchema } from './limits';
import { maintenanceSchema, spanSchema } from './maintenance';
import { policySchema, verifySchema } from './policy';
import { recurringSchema, scheduleSchema } from './schedule';
import { configFileSchema } from './service/config';
import { healthCheckSchema, remediationSchema } from './service/health';
import { limitsSchema, reloadSchema } from './service/process-extras';
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
    properties: { kind: { enum: [...MANIFEST_KINDS] } },
    if: { required: ['policies'], not: { required: ['kind'] } },
    then: listOfPolicies(described.Policy),
    else: { required: ['kind'] },
    allOf: kinds.map(([kind, schema]) => ({
      if: { properties: { kind: { const: kind } }, required: ['kind'] },
      then: schema,
    })),
    ...definitions(),
  };
  return {
    manifest: whole,
    ...Object.fromEntries(
      kinds.map(([kind, schema]) => [
        kind.toLowerCase(),
        { $schema: DIALECT, ...schema, ...(kind === 'Policy' && definitions()) },
      ]),
    ),
  };
}

/** Text; numbers and words are taken as they are written. */
const TEXT: JsonSchema = { type: ['string', 'number', 'boolean'] };
const TEXT_MAP: JsonSchema = { type: 'object', additionalProperties: TEXT };
const COMMAND: JsonSchema = { type: 'array', items: TEXT, minItems: 1 };

/** The only one that contains itself, so that it is referred to. */
const CONDITION: JsonSchema = { $ref: '#/$defs/condition' };

/** What the root of each schema holds. */
function definitions(): JsonSchema {
  const parts = { type: 'array', minItems: 1, items: CONDITION };
  const forms = [
    { type: 'string' },
    schemaOf(conditionSchema),
    withSections(listSchema.all, { all: parts }),
    withSections(listSchema.any, { any: parts }),
  ];
  return { $defs: { condition: { anyOf: forms } } };
}

function severityOf(): JsonSchema {
  const grade = withSections(gradeSchema, { condition: CONDITION });
  return { anyOf: [schemaOf(severityWord), { type: 'array', minItems: 1, items: grade }] };
}

function stepsOf(): JsonSchema {
  const params = TEXT_MAP;
  const step = withSections(stepSchema, { action: { type: 'string' }, params });
  return { type: 'array', minItems: 1, items: step };
}

/** What a Service may say beside its runtime, or in the place of it. */
const SHORT_FORMS: Readonly<Record<string, JsonSchema>> = {
  image: { type: 'string' },
  command: COMMAND,
  env: TEXT_MAP,
  replicas: { type: 'integer', minimum: 0 },
  version: { type: 'string' },
};

function describedKinds(catalogue: readonly RuntimeCatalogue[]): Record<ManifestKind, Described> {
  const target = withSections(targetSchema, { labels: TEXT_MAP });
  return {
    Service: {
      about: 'A thing to keep healthy: one runtime, on one host or on several',
      spec: serviceSchema,
      sections: {
        ...SHORT_FORMS,
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
        ...{ target, condition: CONDITION, clear: CONDITION, severity: severityOf() },
        ...{ action: { type: 'string' }, steps: stepsOf() },
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
    labels: TEXT_MAP,
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

/** `policies: [{ name, condition, … }]`: each entry is a Policy's spec with its name beside it. */
function listOfPolicies({ spec, sections }: Described): JsonSchema {
  const { properties } = schemaOf(metadataSchema);
  const { name, namespace } = properties as Record<'name' | 'namespace', JsonSchema>;
  const entry = withSections(spec, { name, namespace, ...sections });
  return {
    required: ['policies'],
    additionalProperties: false,
    properties: { policies: { type: 'array', items: { ...entry, required: ['name'] } } },
  };
}

/** `host` belongs to every runtime. */
function runtimeSchema(catalogue: readonly RuntimeCatalogue[]): JsonSchema {
  const host = { type: 'string', description: 'Where it runs; absent: on the control host' };
  const process = withSections(processSchema, {
    host,
    type: { const: 'process' },
    ...{ command: COMMAND, env: TEXT_MAP },
    ...{ reload: schemaOf(reloadSchema), limits: schemaOf(limitsSchema) },
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
