import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSecretReference, resolveSecret, SecretError } from '../../platform/secret-references';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-secret-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function failureOf(attempt: Promise<unknown>): Promise<SecretError> {
  const error: unknown = await attempt.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SecretError);
  return error as SecretError;
}

test.each([
  ['file:/run/key', true],
  ['env:KEY', true],
  ['exec:vault read key', true],
  ['https://host/path', false],
  ['plain', false],
  ['file:', false],
  ['', false],
])('"%s" is a reference: %s', (text, expected) => {
  expect(isSecretReference(text)).toBe(expected);
});

test('a plain value stands for itself', async () => {
  expect(await resolveSecret('http://127.0.0.1:3000')).toBe('http://127.0.0.1:3000');
});

test('a file gives its content without the last line break', async () => {
  const path = join(folder, 'key');
  writeFileSync(path, 'two\nlines\n');
  expect(await resolveSecret(`file:${path}`)).toBe('two\nlines');
});

test('a variable gives its value, and an empty one is a value', async () => {
  expect(await resolveSecret('env:KEY', { env: { KEY: 'value' } })).toBe('value');
  expect(await resolveSecret('env:KEY', { env: { KEY: '' } })).toBe('');
});

test('a command gives its output; its arguments are split on white space and see no shell', async () => {
  expect(await resolveSecret('exec:echo  $HOME  two')).toBe('$HOME two');
});

test('what is missing is named together with the remedy', async () => {
  expect((await failureOf(resolveSecret(`file:${folder}/none`))).message).toBe(
    `secret file ${folder}/none cannot be read (ENOENT); create it, readable for Vigil's user`,
  );
  expect((await failureOf(resolveSecret('env:NONE', { env: {} }))).message).toContain('NONE');
});

test('a failed command is worth a new try, and its output stays out of the error', async () => {
  const script = join(folder, 'leaky.sh');
  writeFileSync(script, 'echo hunter2; echo hunter2 >&2; exit 7\n');
  const error = await failureOf(resolveSecret(`exec:/bin/sh ${script}`));
  expect(error.isTransient).toBe(true);
  expect(error.message).toContain('"/bin/sh" failed (7');
  expect(`${error.message}${error.stack ?? ''}${String(error.cause)}`).not.toContain('hunter2');
});

test('a command that takes too long is ended', async () => {
  const error = await failureOf(resolveSecret('exec:sleep 1000', { timeoutMs: 50 }));
  expect(error.message).toContain('SIGKILL');
});

test('a value with a NUL character is refused without being shown', async () => {
  const path = join(folder, 'nul');
  writeFileSync(path, 'hunter2\0');
  expect((await failureOf(resolveSecret(`file:${path}`))).message).not.toContain('hunter2');
});
