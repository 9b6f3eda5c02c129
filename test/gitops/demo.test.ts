import { join } from 'node:path';
import { CATALOGUES } from '../../activities/catalogue';
import { createCompile } from '../../gitops/compile';
import { createFolderSource } from '../../gitops/sources/folder';

it('the demo compiles without a problem: one Service and its policies', async () => {
  const folder = join(__dirname, '../../manifests/demo');
  const read = await createFolderSource({ folder, settleMs: 0, now: Date.now }).read();
  if (read.kind !== 'files') throw new Error(read.kind);
  const { objects, problems, warnings } = await createCompile(CATALOGUES)(read.files);
  expect([...problems, ...warnings]).toEqual([]);
  expect(objects.flatMap(({ policies }) => policies.map(({ key }) => key)).sort()).toEqual([
    'default/web-approval',
    'default/web-cpu',
    'default/web-down',
    'default/web:sync',
  ]);
  const web = objects.find(({ kind }) => kind === 'Service');
  const runtime = web?.service?.runtime;
  if (runtime?.type !== 'process') throw new Error('not a process');
  // The health check must look where the server listens.
  expect(web?.service?.healthCheck?.endpoint).toBe(
    `http://127.0.0.1:${runtime.env['PORT']}/health`,
  );
});
