import { isSameImage, isSameRepository, plainImage } from '../../../domain/drift/image';

const [A, B] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`];

it.each<[string, string, boolean]>([
  ['web', 'docker.io/library/web:latest', true],
  ['web', 'index.docker.io/library/web', true],
  ['shop/web:1', 'docker.io/shop/web:1', true],
  ['shop/web', 'library/web', false],
  ['localhost/web', 'web', false],
  ['localhost/web', 'docker.io/localhost/web', false],
  ['registry:5000/web', 'registry:5000/web:latest', true],
  ['registry:5000/web', 'web', false],
  ['web:1', 'web:2', false],
  ['web:1', 'api:1', false],
  [`web:1@${A}`, `web:2@${A}`, true],
  [`web@${A}`, `web:2@${A}`, true],
  [`web:1@${A}`, `web:1@${B}`, false],
  ['web:1', `web:1@${A}`, true],
  ['web', `web@${A}`, false],
  ['web:1', 'web:1 (sha256:0123456789ab)', false],
  ['web:1 (sha256:0123456789ab)', 'web:1 (sha256:0123456789ab)', true],
])('%s and %s are one image: %p', (a, b, expected) => {
  expect(isSameImage(a, b)).toBe(expected);
  expect(isSameImage(b, a)).toBe(expected);
});

it.each<[string, string, boolean]>([
  ['web:1', 'docker.io/library/web:2', true],
  [`web@${A}`, 'web:2', true],
  ['web:1', 'web:1 (sha256:0123456789ab)', true],
  ['web:1', 'shop/web:1', false],
])('%s and %s are of one repository: %p', (a, b, expected) => {
  expect(isSameRepository(a, b)).toBe(expected);
});

it('the name alone is what a container can be made from', () => {
  expect(plainImage('web:1 (sha256:0123456789ab)')).toBe('web:1');
  expect(plainImage('registry:5000/web@sha256:0')).toBe('registry:5000/web@sha256:0');
});
