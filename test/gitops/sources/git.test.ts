import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGitSource, type GitSourceOptions } from '../../../gitops/sources/git/source';
import type { Source, SourceRead } from '../../../gitops/sources/source';
import { createRepository, serveGit, type TestRepository } from '../../support/git-server';

let repository: TestRepository;
let home: string;
beforeEach(() => {
  repository = createRepository();
  home = mkdtempSync(join(tmpdir(), 'vigil-git-home-'));
});
afterEach(() => {
  repository.remove();
  rmSync(home, { recursive: true, force: true });
});

function source(changes: Partial<GitSourceOptions> = {}): Source {
  return createGitSource({
    name: 'fleet',
    url: repository.bare,
    wanted: {},
    path: '.',
    selection: { include: [], exclude: [] },
    credentials: {},
    depth: 1,
    verify: null,
    render: null,
    poll: { fastMs: 1000, slowMs: 60_000 },
    timeoutMs: 60_000,
    home,
    random: () => 0.5,
    ...changes,
  });
}

function filesOf(read: SourceRead): Record<string, string> {
  if (read.kind !== 'files') throw new Error(JSON.stringify(read));
  return Object.fromEntries(read.files.map(({ path, text }) => [path, text]));
}

test('reads the files of the head with the commit they are of', async () => {
  const commit = repository.commit(
    { 'web.yaml': 'kind: Service', 'apps/api.json': '{}', 'README.md': '#', '.hidden/x.yaml': 'x' },
    { message: 'first: two files' },
  );
  const read = await source().read();
  expect(filesOf(read)).toEqual({ 'fleet/web.yaml': 'kind: Service', 'fleet/apps/api.json': '{}' });
  expect(read).toMatchObject({
    origin: {
      commit,
      author: 'Bob <bob@example.com>',
      message: 'first: two files',
      ref: 'HEAD',
      authoredAt: expect.any(Number) as number,
    },
  });
});

test('the same commit is not read again, the next one is, without the files it removed', async () => {
  repository.commit({ 'a.yaml': 'a', 'b.yaml': 'b' });
  const fleet = source();
  await fleet.read();
  expect((await fleet.read()).kind).toBe('unchanged');
  repository.commit({ 'a.yaml': 'a2', 'b.yaml': null });
  expect(filesOf(await fleet.read())).toEqual({ 'fleet/a.yaml': 'a2' });
});

test('path, include and exclude choose the files', async () => {
  repository.commit({ 'x/a.yaml': 'a', 'x/deep/b.yaml': 'b', 'x/deep/c.yaml': 'c', 'y.yaml': 'y' });
  const selection = { include: ['**/*.yaml'], exclude: ['deep/c.*'] };
  expect(filesOf(await source({ path: 'x', selection }).read())).toEqual({
    'fleet/x/a.yaml': 'a',
    'fleet/x/deep/b.yaml': 'b',
  });
  expect(await source({ path: 'nowhere' }).read()).toMatchObject({
    kind: 'refused',
    problems: ['fleet: there is no folder "nowhere" at HEAD'],
  });
  expect(await source({ path: '../..' }).read()).toMatchObject({ kind: 'refused' });
});

test('a branch is followed over a force-push, and nothing is pruned when it goes', async () => {
  repository.commit({ 'a.yaml': 'one' });
  repository.git('checkout', '--quiet', '-b', 'live');
  repository.commit({ 'a.yaml': 'two' });
  const live = source({ wanted: { branch: 'live' } });
  expect(filesOf(await live.read())).toEqual({ 'fleet/a.yaml': 'two' });
  repository.git('reset', '--quiet', '--hard', 'HEAD~1');
  repository.commit({ 'a.yaml': 'three' }, { force: true });
  expect(filesOf(await live.read())).toEqual({ 'fleet/a.yaml': 'three' });
  repository.git('push', '--quiet', 'origin', '--delete', 'live');
  expect(await live.read()).toEqual({
    kind: 'absent',
    message: 'branch live is not in the repository',
  });
});

test('a tag, annotated or not, and a moved one; a commit, also one that no ref names', async () => {
  const first = repository.commit({ 'a.yaml': 'one' });
  repository.git('tag', 'plain');
  repository.git('tag', '-a', '-m', 'release', 'v1');
  repository.git('push', '--quiet', 'origin', 'plain', 'v1');
  repository.commit({ 'a.yaml': 'two' });
  const v1 = source({ wanted: { tag: 'v1' } });
  expect(await v1.read()).toMatchObject({ origin: { commit: first, ref: 'tag v1' } });
  expect(await source({ wanted: { tag: 'plain' } }).read()).toMatchObject({
    origin: { commit: first },
  });
  repository.git('tag', '-f', '-a', '-m', 'again', 'v1');
  repository.git('push', '--quiet', '--force', 'origin', 'v1');
  expect(filesOf(await v1.read())).toEqual({ 'fleet/a.yaml': 'two' });
  const pinned = source({ wanted: { commit: first } });
  expect(filesOf(await pinned.read())).toEqual({ 'fleet/a.yaml': 'one' });
  expect((await pinned.read()).kind).toBe('unchanged');
  const nowhere = source({ wanted: { commit: '0'.repeat(40) } });
  await expect(nowhere.read()).rejects.toThrow(/commit 000000000000 is not in the repository/);
});

test('a repository that is gone for a while is read again when it is back', async () => {
  repository.commit({ 'a.yaml': 'one' });
  const fleet = source();
  await fleet.read();
  renameSync(repository.bare, `${repository.bare}.away`);
  await expect(fleet.read()).rejects.toThrow(/there is no repository at that address/);
  renameSync(`${repository.bare}.away`, repository.bare);
  expect((await fleet.read()).kind).toBe('unchanged');
});

test('a symbolic link is refused by its path where it is wanted, and else left out', async () => {
  repository.commit({ 'x/a.yaml': 'one', 'shared/b.yaml': 'two' });
  const link = (path: string, target: string): void => {
    symlinkSync(target, join(repository.root, 'work', path));
  };
  writeFileSync(join(repository.root, 'secret.yaml'), 'secret');
  link('x/in the folder.yaml', 'a.yaml');
  link('x/out.yaml', '../../secret.yaml');
  link('x/shared', '../shared');
  link('x/notes.txt', '/etc/hostname');
  link('elsewhere.yaml', 'x/a.yaml');
  repository.commit({});
  const why =
    'it is a symbolic link, and in a repository none is followed; put the file itself there, or exclude it';
  expect(await source({ path: 'x' }).read()).toMatchObject({
    kind: 'refused',
    problems: [`fleet/x/in the folder.yaml: ${why}`, `fleet/x/out.yaml: ${why}`],
  });
  const selection = { include: [], exclude: ['in*.yaml', 'out.yaml'] };
  expect(filesOf(await source({ path: 'x', selection }).read())).toEqual({
    'fleet/x/a.yaml': 'one',
  });
});

test('ten thousand files are read, and one more commit after them', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, i) => [`d${i % 100}/s${i}.yaml`, `n: ${i}`]),
  );
  repository.commit(files);
  const fleet = source();
  expect(Object.keys(filesOf(await fleet.read()))).toHaveLength(10_000);
  repository.commit({ 'd7/s7.yaml': 'n: seven' });
  expect(filesOf(await fleet.read())['fleet/d7/s7.yaml']).toBe('n: seven');
}, 120_000);

test('whatever became of the files that were checked out, the next commit is read as it is', async () => {
  repository.commit({ 'a.yaml': 'one', 'b/c.yaml': 'two' });
  const fleet = source();
  await fleet.read();
  const [id = ''] = readdirSync(join(home, 'gitops'));
  const tree = join(home, 'gitops', id, 'tree');
  writeFileSync(join(tree, 'a.yaml'), 'forged');
  writeFileSync(join(tree, 'extra.yaml'), 'forged');
  rmSync(join(tree, 'b'), { recursive: true });
  repository.commit({ 'd.yaml': 'three' });
  const expected = { 'fleet/a.yaml': 'one', 'fleet/b/c.yaml': 'two', 'fleet/d.yaml': 'three' };
  expect(filesOf(await fleet.read())).toEqual(expected);
  writeFileSync(join(home, 'gitops', id, 'repository.git', 'index'), 'half');
  repository.commit({ 'd.yaml': 'four' });
  expect(filesOf(await fleet.read())).toEqual({ ...expected, 'fleet/d.yaml': 'four' });
});

test('what is wrong with a repository is said in words', async () => {
  const missing = source({ url: join(repository.root, 'none.git') });
  await expect(missing.read()).rejects.toThrow(/no repository at that address/);
  const closed = source({ url: 'http://127.0.0.1:1/fleet.git' });
  await expect(closed.read()).rejects.toThrow(/cannot be reached \(http:\/\/127.0.0.1:1/);
  expect(await source().read()).toMatchObject({ kind: 'absent' });
});

describe('over smart HTTP', () => {
  test('a token from a file, which may be rotated, and is in no process list and no message', async () => {
    const server = await serveGit(repository.root);
    const tokenFile = join(home, 'token');
    try {
      repository.commit({ 'a.yaml': 'one' });
      const fleet = source({ url: server.url, credentials: { tokenFile } });
      writeFileSync(tokenFile, 'first-secret\n');
      server.setCredentials('x-access-token:first-secret');
      expect(filesOf(await fleet.read())).toEqual({ 'fleet/a.yaml': 'one' });
      server.setCredentials('x-access-token:second-secret');
      const refused = await errorOf(fleet.read());
      expect(refused.message).toMatch(/refused the credentials: check "auth"/);
      expect(`${refused.message} ${refused.stack ?? ''}`).not.toContain('first-secret');
      writeFileSync(tokenFile, 'second-secret');
      expect((await fleet.read()).kind).toBe('unchanged');
      expect(
        everyFile(home)
          .filter((file) => file !== tokenFile)
          .map(read)
          .join(),
      ).not.toMatch(/first-secret|second-secret|Zmlyc3Q/);
    } finally {
      await server.close();
    }
  });

  test('without credentials it is said at once instead of asking somebody', async () => {
    const server = await serveGit(repository.root);
    try {
      repository.commit({ 'a.yaml': 'one' });
      server.setCredentials('a:b');
      await expect(source({ url: server.url }).read()).rejects.toThrow(/refused the credentials/);
      const credentialsFile = join(home, 'credentials');
      writeFileSync(credentialsFile, `${server.url.replace('http://', 'http://a:b@')}\n`);
      const fleet = source({ url: server.url, credentials: { credentialsFile } });
      expect(filesOf(await fleet.read())).toEqual({ 'fleet/a.yaml': 'one' });
    } finally {
      await server.close();
    }
  });
});

describe('signatures', () => {
  const sshKey = (name: string): { file: string; key: string } => {
    const file = join(home, name);
    execFileSync('ssh-keygen', [
      '-q',
      '-t',
      'ed25519',
      '-N',
      '',
      '-C',
      `${name}@example.com`,
      '-f',
      file,
    ]);
    return { file, key: readFileSync(`${file}.pub`, 'utf8') };
  };
  const signedBy = (file: string) => ({
    sign: true,
    settings: ['gpg.format=ssh', `user.signingkey=${file}`],
  });

  test('a head signed by a listed ssh key is taken, an unsigned or foreign one is not', async () => {
    const ann = sshKey('ann');
    const eve = sshKey('eve');
    const verify = { mode: 'ssh' as const, keys: [ann.key] };
    repository.commit({ 'a.yaml': 'one' }, signedBy(ann.file));
    const fleet = source({ verify });
    const read = await fleet.read();
    expect(filesOf(read)).toEqual({ 'fleet/a.yaml': 'one' });
    expect(read).toMatchObject({
      origin: { signedBy: expect.stringMatching(/^ann@example.com/) as string },
    });
    repository.commit({ 'a.yaml': 'two' });
    expect(await fleet.read()).toMatchObject({
      kind: 'refused',
      problems: [expect.stringMatching(/^fleet: HEAD: commit \w{12} by Bob .* is not signed$/)],
    });
    repository.commit({ 'a.yaml': 'three' }, signedBy(eve.file));
    expect(await fleet.read()).toMatchObject({
      kind: 'refused',
      problems: [expect.stringMatching(/is signed by a key that is not listed$/)],
    });
    repository.commit({ 'a.yaml': 'four' }, signedBy(ann.file));
    expect(filesOf(await fleet.read())).toEqual({ 'fleet/a.yaml': 'four' });
  });

  test('a head signed by a listed gpg key is taken, an unsigned or foreign one is not', async () => {
    const keyring = mkdtempSync(join(tmpdir(), 'vigil-gpg-'));
    const gpg = (...args: string[]): string =>
      execFileSync('gpg', ['--homedir', keyring, '--batch', '--passphrase', '', ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    const keyOf = (who: string): string => {
      gpg('--quick-generate-key', `${who} <${who}@example.com>`, 'ed25519', 'sign', 'never');
      return gpg('--armor', '--export', `${who}@example.com`);
    };
    const program = join(home, 'gpg-of-the-test');
    writeFileSync(program, `#!/bin/sh\nexec gpg --homedir ${keyring} "$@"\n`, { mode: 0o755 });
    const by = (who: string) => ({
      sign: true,
      settings: [`gpg.program=${program}`, `user.signingkey=${who}@example.com`],
    });
    try {
      const ann = keyOf('ann');
      keyOf('eve');
      mkdirSync(join(home, 'keys'));
      writeFileSync(join(home, 'keys', 'ann.asc'), ann);
      const fleet = source({ verify: { mode: 'gpg', keys: [join(home, 'keys', 'ann.asc')] } });
      repository.commit({ 'a.yaml': 'one' }, by('ann'));
      expect(await fleet.read()).toMatchObject({
        kind: 'files',
        origin: { signedBy: expect.stringMatching(/^ann <ann@example.com>/) as string },
      });
      repository.commit({ 'a.yaml': 'two' }, by('eve'));
      expect(await fleet.read()).toMatchObject({
        kind: 'refused',
        problems: [expect.stringMatching(/is signed by a key that is not listed$/)],
      });
      repository.commit({ 'a.yaml': 'three' });
      expect(await fleet.read()).toMatchObject({
        kind: 'refused',
        problems: [expect.stringMatching(/is not signed$/)],
      });
    } finally {
      execFileSync('gpgconf', ['--homedir', keyring, '--kill', 'all']);
      rmSync(keyring, { recursive: true, force: true });
    }
  }, 60_000);
});

test('a push is about this source when repository and ref are the same, however they are written', () => {
  const fleet = source({ url: 'git@GitHub.com:acme/fleet.git', wanted: { branch: 'main' } });
  const touched = (urls: string[], ref: string | null): boolean | undefined =>
    fleet.isTouchedBy?.({ urls, ref });
  expect(touched(['https://github.com/acme/fleet'], 'refs/heads/main')).toBe(true);
  expect(touched(['ssh://git@github.com/acme/fleet.git'], null)).toBe(true);
  expect(touched([], 'refs/heads/main')).toBe(true);
  expect(touched(['https://github.com/acme/fleet'], 'refs/heads/other')).toBe(false);
  expect(touched(['https://github.com/acme/fleet2'], 'refs/heads/main')).toBe(false);
  expect(touched(['https://gitlab.com/acme/fleet'], 'refs/heads/main')).toBe(false);
});

test('it is looked at ever more seldom while nothing changes, often after a change, and less after failures', async () => {
  repository.commit({ 'a.yaml': 'one' });
  const fleet = source();
  await fleet.read();
  const waits = (failures: number[]): (number | undefined)[] =>
    failures.map((one) => fleet.nextLookMs?.(one));
  expect(waits([0, 0, 0, 0, 0, 0, 0, 0])).toEqual(
    [1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1000),
  );
  repository.commit({ 'a.yaml': 'two' });
  await fleet.read();
  expect(waits([0, 0])).toEqual([1000, 2000]);
  expect(waits([1, 2, 3, 10, 1000])).toEqual([1000, 2000, 4000, 60_000, 60_000]);
});

function everyFile(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function read(file: string): string {
  return readFileSync(file, 'latin1');
}

async function errorOf(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not fail');
}
