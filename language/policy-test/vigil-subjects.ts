import type { Policy } from '../../domain/policy/policy';
import { isTarget } from '../../domain/policy/targets';
import {
  memberKey,
  observedOnly,
  parseResourceKey,
  resourceKey,
  type Resource,
} from '../../domain/resource';
import { parseManifests, type CompiledManifest } from '../manifest/compile';
import { suggest, type Problem } from '../problem';
import type { TestResult } from './report';
import { runVigilTest, type Subject } from './run-vigil';
import type { RunContext } from './sources';
import type { VigilTest, VigilTestFile } from './vigil-file';

/** Reads the manifests that a file of tests names, and runs its tests; no test runs while there are problems. */
export function runVigilTests(file: VigilTestFile, context: RunContext): TestResult[] {
  const objects = readManifests(file, context);
  // What is missing from manifests that could not be read says nothing.
  const isWhole = !context.problems.some((problem) => problem.file !== context.file);
  const problems = isWhole ? context.problems : [];
  const subjects = file.tests.map((test) => subjectOf(test, objects, problems));
  if (context.problems.some(({ severity }) => severity === 'error')) return [];
  return subjects
    .filter(({ test }) => context.filter(test.name))
    .map((subject) => ({
      name: subject.test.name,
      place: subject.test.place,
      failures: runVigilTest(subject),
    }));
}

function readManifests(
  { policies, variables }: VigilTestFile,
  { find, catalogue, problems }: RunContext,
): CompiledManifest[] {
  return policies.flatMap(({ pattern, place }) => {
    const found = find(pattern);
    if (found.length === 0) {
      const message = `no file matches ${JSON.stringify(pattern)}`;
      problems.push({ ...place, message, severity: 'error' });
    }
    return found.flatMap(({ file, text }) => {
      const compiled = parseManifests(text, { file, catalogue, variables });
      problems.push(...compiled.problems);
      return compiled.objects;
    });
  });
}

/** The test with its resource and the policies that speak of it; policies by their keys. */
function subjectOf(
  test: VigilTest,
  objects: readonly CompiledManifest[],
  problems: Problem[],
): Subject {
  const { namespace, name } = parseResourceKey(test.resource.name);
  const key = resourceKey(namespace, name);
  const resources = objects.flatMap(resourcesOf);
  const resource = resources.find((one) => one.key === key) ?? observedOnly(key);
  const policies = objects
    .flatMap((object) => object.policies)
    .filter((policy) => isTarget(policy, resource));
  const expectations = test.expectations.map((expectation) => {
    const policy = policyKey(expectation.policy, namespace);
    if (!policies.some((one) => one.key === policy)) {
      problems.push({
        ...expectation.place,
        message: whyNot(policy, { key, policies, objects }),
        severity: 'error',
      });
    }
    return { ...expectation, policy };
  });
  return { resource, policies, test: { ...test, expectations } };
}

function policyKey(written: string, namespace: string): string {
  return written.includes('/') ? written : resourceKey(namespace, written);
}

interface Known {
  key: string;
  policies: readonly Policy[];
  objects: readonly CompiledManifest[];
}

function whyNot(policy: string, { key, policies, objects }: Known): string {
  const all = objects.flatMap((object) => object.policies);
  if (all.some((one) => one.key === policy)) {
    return `policy ${policy} does not speak of resource ${key}`;
  }
  const known = policies.map((one) => one.key);
  const hint = suggest(policy, known) || `; known: ${known.join(', ') || 'none'}`;
  return `no policy ${policy} in the manifests${hint}`;
}

/** The resources a Service makes: itself, or one member per host. */
function resourcesOf({ namespace, name, service, labels }: CompiledManifest): Resource[] {
  if (service === null) return [];
  const base = { namespace, service: name, labels, spec: service, revision: 1, createdRevision: 1 };
  if (service.hosts.length === 0) {
    return [{ ...base, key: resourceKey(namespace, name), name, host: null }];
  }
  return [...new Set(service.hosts)].map((host) => {
    const key = memberKey(namespace, name, host);
    return { ...base, key, name: parseResourceKey(key).name, host };
  });
}
