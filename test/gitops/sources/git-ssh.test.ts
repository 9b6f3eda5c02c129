import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Credentials } from '../../../gitops/sources/git/access';
import { createGitSource } from '../../../gitops/sources/git/source';
import type { Source } from '../../../gitops/sources/source';
import { createRepository, type TestRepository } from '../../support/git-server';
import { createSshKey, describeWithSshd, serveSsh, type SshServer } from '../../support/ssh-server';

describeWithSshd('over ssh, against a real sshd', () => {
  let server: SshServer;
  let repository: TestRepository;
  let home: string;
  /** What a source is configured with that may read the repository. */
  let auth: { sshKeyFile: string; knownHostsFile: string };

  beforeAll(async () => {
    server = await serveSsh();
  });
  afterAll(() => server.close());

  beforeEach(() => {
    repository = createRepository();
    repository.commit({ 'web.yaml': 'one' });
    home = mkdtempSync(join(tmpdir(), 'vigil-git-home-'));
    const mine = createSshKey(join(home, 'mine'));
    server.authorize(mine.key);
    auth = { sshKeyFile: mine.file, knownHostsFile: file('known-hosts', server.knownHost) };
  });
  afterEach(() => {
    repository.remove();
    rmSync(home, { recursive: true, force: true });
  });

  function file(name: string, text: string): string {
    const path = join(home, name);
    writeFileSync(path, text);
    return path;
  }

  function source(credentials: Credentials, path = repository.bare): Source {
    return createGitSource({
      ...{ name: 'fleet', url: server.urlOf(path), wanted: {}, path: '.', credentials },
      ...{ selection: { include: [], exclude: [] }, depth: 1, verify: null, render: null },
      ...{ poll: { fastMs: 1000, slowMs: 60_000 }, timeoutMs: 20_000, home, random: () => 0.5 },
    });
  }

  test('what is pushed is read with the key that is named', async () => {
    const fleet = source(auth);
    expect(await fleet.read()).toMatchObject({
      kind: 'files',
      files: [{ path: 'fleet/web.yaml', text: 'one' }],
    });
    repository.commit({ 'web.yaml': 'two' });
    expect(await fleet.read()).toMatchObject({ kind: 'files', files: [{ text: 'two' }] });
    expect(await fleet.read()).toMatchObject({ kind: 'unchanged' });
  });

  test('a key that is rotated is taken at the next look, and the old one no longer', async () => {
    const fleet = source(auth);
    await fleet.read();
    server.authorize(createSshKey(join(home, 'next')).key);
    await expect(fleet.read()).rejects.toThrow(/refused the ssh key/);
    expect(await source({ ...auth, sshKeyFile: join(home, 'next') }).read()).toMatchObject({
      kind: 'files',
    });
  });

  test.each<[string, () => Credentials, RegExp]>([
    [
      'a key that the repository does not know',
      () => ({ ...auth, sshKeyFile: createSshKey(join(home, 'other')).file }),
      /^the repository refused the ssh key: check "auth.sshKeyFile" \(ssh:/,
    ],
    [
      'a key file that is not there',
      () => ({ ...auth, sshKeyFile: join(home, 'nowhere') }),
      /^the ssh key cannot be read: check "auth.sshKeyFile" \(ssh:/,
    ],
    [
      'a key file that holds no key',
      () => ({ ...auth, sshKeyFile: file('no-key', 'hello') }),
      /^the ssh key cannot be read: check "auth.sshKeyFile" \(ssh:/,
    ],
    [
      'a key file that others may read',
      () => {
        chmodSync(auth.sshKeyFile, 0o644);
        return auth;
      },
      /^the ssh key cannot be read: check "auth.sshKeyFile" \(ssh:/,
    ],
    [
      'a host whose key nobody named',
      () => ({ ...auth, knownHostsFile: file('nobody', '') }),
      /^the host is not known: add its key to "auth.knownHostsFile" \(ssh:/,
    ],
    [
      'a host that shows another key than the one that is named',
      () => {
        const [address = ''] = server.knownHost.split(' ');
        const { key } = createSshKey(join(home, 'impostor'));
        return { ...auth, knownHostsFile: file('changed', `${address} ${key}`) };
      },
      /^the host shows another key than "auth.knownHostsFile" has: it may be somebody else \(ssh:/,
    ],
  ])('%s is refused in words', async (_, credentials, message) => {
    await expect(source(credentials()).read()).rejects.toThrow(message);
  });

  test('a repository that is not there is told from a host that is not', async () => {
    await expect(source(auth, '/nowhere.git').read()).rejects.toThrow(
      /^there is no repository at that address \(ssh:/,
    );
  });
});
