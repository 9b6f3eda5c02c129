import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFolderSource } from '../../../gitops/sources/folder';
import type { Source, Watch } from '../../../gitops/sources/source';
import { waitFor } from '../../support/wait';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-folder-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function source(settleMs = 0, now = Date.now): Source {
  return createFolderSource({ folder, settleMs, now });
}

function write(path: string, text: string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
}

async function paths(): Promise<string[]> {
  const read = await source().read();
  if (read.kind !== 'files') throw new Error(read.kind);
  return read.files.map(({ path }) => path.slice(folder.length + 1));
}

it('reads YAML and JSON files of all folders below, and nothing that is hidden', async () => {
  for (const path of ['b.yml', 'a/c.yaml', 'd.json', 'README.md', '.git/e.yaml', '.#b.yml'])
    write(path, path);
  expect(await paths()).toEqual(['a/c.yaml', 'b.yml', 'd.json']);
});

it('names files as people would: the folder as configured and the path below it', async () => {
  write('web.yaml', 'text');
  expect(await source().read()).toEqual({
    kind: 'files',
    files: [{ path: join(folder, 'web.yaml'), text: 'text' }],
  });
});

it('follows links to folders, but not in circles', async () => {
  write('real/web.yaml', '');
  symlinkSync(folder, join(folder, 'real/up'));
  symlinkSync(join(folder, 'real'), join(folder, 'linked'));
  expect(await paths()).toEqual(['linked/web.yaml', 'real/web.yaml']);
});

it('refuses a link that leads out of the folder, to a file or to a folder', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'vigil-outside-'));
  try {
    writeFileSync(join(outside, 'secret.yaml'), 'token: hunter2');
    for (const target of [join(outside, 'secret.yaml'), outside]) {
      symlinkSync(target, join(folder, 'link.yaml'));
      const read = await source().read();
      expect(read).toMatchObject({
        kind: 'refused',
        problems: [
          `${folder}: link.yaml is a link that leads out of the folder; put the file itself there`,
        ],
      });
      rmSync(join(folder, 'link.yaml'));
    }
  } finally {
    rmSync(outside, { recursive: true });
  }
});

it('takes no file that was written a moment ago, and is not held up by one from the future', async () => {
  write('web.yaml', 'half');
  expect(await source(60_000).read()).toEqual({ kind: 'unsettled' });
  const future = Date.now() / 1000 + 3600;
  utimesSync(join(folder, 'web.yaml'), future, future);
  expect(await source(60_000).read()).toMatchObject({ kind: 'files' });
});

it('reads a file anew that has other content, whatever its size and time say', async () => {
  const [path, time] = [join(folder, 'web.yaml'), new Date('2026-05-01')];
  const texts = [];
  const one = source();
  for (const text of ['one', 'two']) {
    write('web.yaml', text);
    utimesSync(path, time, time);
    const read = await one.read();
    texts.push(read.kind === 'files' ? read.files.map((file) => file.text) : read);
  }
  expect(texts).toEqual([['one'], ['two']]);
});

it('tells a missing folder from one whose file vanished', async () => {
  symlinkSync(join(folder, 'gone'), join(folder, 'web.yaml'));
  expect(await source().read()).toEqual({ kind: 'unsettled' });
  rmSync(folder, { recursive: true });
  expect(await source().read()).toMatchObject({ kind: 'absent' });
  writeFileSync(folder, 'no folder');
  expect(await source().read()).toMatchObject({ kind: 'absent' });
});

it('notices files that are written, in new folders too', async () => {
  let changes = 0;
  const errors: unknown[] = [];
  const watch: Watch | undefined = source().watch?.(
    () => changes++,
    (error) => errors.push(error),
  );
  try {
    // Writing again and again until it is seen: the watch begins a moment after the call.
    let round = 0;
    await waitFor('a change', () => {
      write('web.yaml', String(round++));
      return changes > 0;
    });
    const before = changes;
    write('deep/er/api.yaml', 'x');
    await waitFor('a change below', () => changes > before);
    expect(errors).toEqual([]);
  } finally {
    await watch?.close();
  }
});
