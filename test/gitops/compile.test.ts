import { CATALOGUES } from '../../activities/catalogue';
import { createCompile } from '../../gitops/compile';

const service = (name: string, port = 80) => ({
  path: `${name}.yaml`,
  text: `
apiVersion: vigil.io/v1
kind: Service
metadata: { name: ${name} }
spec: { runtime: { type: process, command: [node], env: { PORT: "${port}" } } }
`,
});

it('compiles a file again only when its text is another one', async () => {
  const compile = createCompile(CATALOGUES);
  const before = await compile([service('web'), service('api')]);
  const after = await compile([service('web', 81), service('api')]);
  const named = ({ objects }: typeof before, name: string) =>
    objects.find((object) => object.name === name);
  expect(named(after, 'api')).toBe(named(before, 'api'));
  expect(named(after, 'web')?.checksum).not.toBe(named(before, 'web')?.checksum);
});

it('tells the problems of a file at each look, and of no file that is gone', async () => {
  const compile = createCompile(CATALOGUES);
  const broken = { path: 'broken.yaml', text: 'kind: Nothing' };
  const first = await compile([service('web'), broken]);
  expect(first.problems[0]).toMatch(/^broken\.yaml:1:1: /);
  expect((await compile([service('web'), broken])).problems).toEqual(first.problems);
  expect((await compile([service('web')])).problems).toEqual([]);
});

it('keeps both of two files that have one path', async () => {
  const twice = [service('web'), { ...service('api'), path: 'web.yaml' }];
  const { objects } = await createCompile(CATALOGUES)(twice);
  expect(objects.map(({ name }) => name)).toEqual(['web', 'api']);
});

it('lets others have their turn while it compiles a large set', async () => {
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  const files = Array.from({ length: 2000 }, (_, i) => service(`web-${i}`));
  const { objects } = await createCompile(CATALOGUES)(files);
  clearInterval(timer);
  expect(objects).toHaveLength(2000);
  expect(turns).toBeGreaterThan(1);
});
