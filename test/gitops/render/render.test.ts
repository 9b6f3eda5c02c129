/** Rendering by the tools of the system: real ones where they are, and a script in their place for what goes wrong. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath } from '../../../cli/up/executables';
import { createRender } from '../../../gitops/render/render';
import { isRunning, readStat } from '../../../platform/procfs';
import { waitFor } from '../../support/wait';

const KUSTOMIZE = { type: 'kustomize' as const, timeout: 30_000 };
const HELM = { type: 'helm' as const, release: 'fleet', values: [], timeout: 30_000 };
const SERVICE = `apiVersion: vigil.io/v1
kind: Service
metadata:
  name: web
`;

let root: string;
let folder: string;
let path: string | undefined;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vigil-render-test-'));
  folder = join(root, 'fleet');
  mkdirSync(folder);
  path = process.env['PATH'];
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(root, { recursive: true, force: true });
});

/** A shell script of that name, before everything else on the path. */
function play(name: string, script: string): void {
  const bin = join(root, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
  process.env['PATH'] = `${bin}:${path ?? ''}`;
}

test('what a tool writes is one file of manifests, and what it says on its way is not', async () => {
  play('kustomize', `echo "a warning" >&2; echo "kind: $1"; pwd`);
  expect(await createRender(KUSTOMIZE)(folder, 'git:fleet')).toEqual({
    kind: 'files',
    files: [{ path: 'git:fleet (rendered)', text: `kind: build\n${folder}\n` }],
  });
});

test('where there is none, it is named', async () => {
  process.env['PATH'] = join(root, 'nothing');
  expect(await createRender(KUSTOMIZE)(folder, 'git:fleet')).toEqual({
    kind: 'refused',
    problems: [
      'git:fleet: kustomize is needed to render it; install kustomize or kubectl on the gitops host',
    ],
  });
  expect(await createRender(HELM)(folder, 'git:fleet')).toMatchObject({ kind: 'refused' });
});

test('its own words say why it fails', async () => {
  play('helm', `echo "Error: no chart" >&2; echo "in $2" >&2; exit 1`);
  expect(await createRender(HELM)(folder, 'git:fleet')).toEqual({
    kind: 'refused',
    problems: ['git:fleet: helm template: Error: no chart | in fleet'],
  });
});

test('it sees no variable of ours, and no home of ours', async () => {
  play('kustomize', 'env');
  process.env['VIGIL_TEST_SECRET'] = 'hunter2';
  const rendered = await createRender(KUSTOMIZE)(folder, 'git:fleet');
  delete process.env['VIGIL_TEST_SECRET'];
  if (rendered.kind !== 'files') throw new Error(rendered.problems.join());
  const text = rendered.files[0]?.text ?? '';
  expect(text).not.toContain('hunter2');
  const home = /^HOME=(.*)$/m.exec(text)?.[1] ?? '';
  expect(home).not.toBe(process.env['HOME']);
  expect(existsSync(home)).toBe(false);
});

test('what takes too long is ended, with all that it started', async () => {
  const started = join(root, 'started');
  play('kustomize', `sleep 60 & echo $! > ${started}; sleep 60`);
  const render = createRender({ ...KUSTOMIZE, timeout: 2000 });
  expect(await render(folder, 'git:fleet')).toEqual({
    kind: 'refused',
    problems: ['git:fleet: kustomize build: took longer than 2000 ms'],
  });
  const pid = Number(readFileSync(started, 'utf8'));
  await waitFor('its end', () => !isRunning(readStat(pid)));
});

test('what writes without end is ended', async () => {
  play('kustomize', 'yes');
  expect(await createRender(KUSTOMIZE)(folder, 'git:fleet')).toEqual({
    kind: 'refused',
    problems: ['git:fleet: kustomize build: wrote more than 16 MiB'],
  });
});

const withTool = (name: string) => (findOnPath(name, process.env) === null ? test.skip : test);

withTool('kustomize')('kustomize itself patches a base', async () => {
  writeFileSync(join(folder, 'web.yaml'), SERVICE);
  writeFileSync(join(folder, 'kustomization.yaml'), 'resources: [web.yaml]\nnamespace: shop\n');
  const rendered = await createRender(KUSTOMIZE)(folder, 'git:fleet');
  expect(rendered).toMatchObject({ kind: 'files' });
  expect(JSON.stringify(rendered)).toContain('namespace: shop');
  writeFileSync(join(root, 'outside.yaml'), SERVICE);
  writeFileSync(join(folder, 'kustomization.yaml'), 'resources: [../outside.yaml]\n');
  expect(await createRender(KUSTOMIZE)(folder, 'git:fleet')).toMatchObject({ kind: 'refused' });
});

withTool('helm')('helm itself renders a chart with values', async () => {
  mkdirSync(join(folder, 'templates'));
  writeFileSync(join(folder, 'Chart.yaml'), 'apiVersion: v2\nname: fleet\nversion: 0.1.0\n');
  writeFileSync(join(folder, 'more.yaml'), 'team: shop\n');
  writeFileSync(
    join(folder, 'templates/web.yaml'),
    `${SERVICE}  labels: { team: {{ .Values.team }} }\n`,
  );
  const rendered = await createRender({ ...HELM, values: ['more.yaml'] })(folder, 'git:fleet');
  expect(JSON.stringify(rendered)).toContain('team: shop');
});
