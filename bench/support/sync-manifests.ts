/** Manifests of a fleet, one object a file, a hundred files a folder. */

const PER_FOLDER = 100;
/** Every tenth is a policy of the Service before it. */
const PER_POLICY = 10;

export interface ManifestFile {
  /** Relative. */
  path: string;
  text: string;
}

/** The `i`th file; `edit` makes another content of it. */
export function manifestFile(i: number, edit = 0): ManifestFile {
  const folder = `team-${Math.floor(i / PER_FOLDER)}`;
  return i % PER_POLICY === PER_POLICY - 1
    ? { path: `${folder}/policy-${i}.yaml`, text: policy(i, edit) }
    : { path: `${folder}/service-${i}.yaml`, text: service(i, edit) };
}

/** The `nth` file to be edited, spread over all of them, and never a policy. */
export function editedFile(nth: number, count: number): number {
  const i = (nth * 7919) % count;
  return i % PER_POLICY === PER_POLICY - 1 ? i - 1 : i;
}

function service(i: number, edit: number): string {
  return `apiVersion: vigil.io/v1
kind: Service
metadata: { name: service-${i}, namespace: bench, labels: { tier: web } }
spec:
  runtime:
    type: process
    command: [sleep, infinity]
    env: { PORT: "${i}", EDIT: "${edit}" }
`;
}

function policy(i: number, edit: number): string {
  return `apiVersion: vigil.io/v1
kind: Policy
metadata: { name: policy-${i}, namespace: bench }
spec:
  target: { name: service-${i - 1} }
  condition: cpu_usage > ${90 + (edit % 10)}% for 5m
  action: restart
  mode: dry-run
`;
}
