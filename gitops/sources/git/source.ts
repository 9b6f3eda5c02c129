import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createPace } from '../pace';
import type { Selection } from '../selection';
import { SourceAwayError, type Origin, type Render, type Source, type SourceRead } from '../source';
import { findManifests, readManifests, TreeRefusedError } from '../tree';
import type { KnownTexts } from '../tree';
import { asAway, createAccess, placeOf, type Credentials, type Place } from './access';
import { createGit, type Git } from './command';
import { verifySignature, type VerifyConfig } from './signature';
import { describeRef, findRef, isMovedBy, refName, type Wanted } from './wanted';

export interface GitSourceOptions {
  /** For people: the objects belong to `git:<name>`. */
  name: string;
  url: string;
  wanted: Wanted;
  /** Only what lies below it is read. */
  path: string;
  selection: Selection;
  credentials: Credentials;
  /** Commits that are fetched; 0: all. */
  depth: number;
  verify: VerifyConfig | null;
  render: Render | null;
  poll: { fastMs: number; slowMs: number };
  timeoutMs: number;
  /** `VIGIL_HOME`: the repository is kept in its `gitops/`. */
  home: string;
  /** From 0 up to 1. */
  random: () => number;
}

interface Context {
  options: GitSourceOptions;
  git: Git;
  url: string;
  /** The bare repository, and where its files are put. */
  folders: { repository: string; tree: string };
  /** Of the commit before: ten thousand files are not read again for one. */
  known: KnownTexts;
}

const HEAD = 'refs/vigil/head';

/** A branch, tag or commit of a git repository. */
export function createGitSource(options: GitSourceOptions): Source {
  const { name, wanted, poll, random } = options;
  const context = contextOf(options);
  const place = placeOf(options.url);
  const pace = createPace({ ...poll, random });
  let last: { commit: string; read: SourceRead } | null = null;

  return {
    name: `git:${name}`,

    async read() {
      const commit = await commitWanted(context);
      if (commit === null) {
        last = null;
        return { kind: 'absent', message: `${describeRef(wanted)} is not in the repository` };
      }
      if (last?.commit === commit) return again(last.read);
      const read = await readCommit(context, commit);
      last = { commit, read };
      pace.hurry();
      return read;
    },

    isTouchedBy({ urls, ref }) {
      const isHere = urls.length === 0 || urls.some((url) => isSame(placeOf(url), place));
      const isTouched = isHere && isMovedBy(wanted, ref);
      if (isTouched) pace.hurry();
      return isTouched;
    },

    nextLookMs: pace.next,
  };
}

/** The same commit: nothing is new, or it is still refused. */
function again(read: SourceRead): SourceRead {
  return read.kind === 'files' && read.origin !== undefined
    ? { kind: 'unchanged', origin: read.origin }
    : read;
}

function isSame(a: Place, b: Place): boolean {
  return a.host === b.host && a.path === b.path;
}

function contextOf(options: GitSourceOptions): Context {
  const { url, wanted, home, credentials, timeoutMs } = options;
  const key = JSON.stringify([url, describeRef(wanted), options.path, options.name]);
  const id = createHash('sha256').update(key).digest('hex').slice(0, 16);
  const folder = join(resolve(home), 'gitops', id);
  const folders = { repository: join(folder, 'repository.git'), tree: join(folder, 'tree') };
  const access = createAccess(url, credentials);
  const git = createGit({ folder: folders.repository, access, timeoutMs });
  return { options, git, url: access.url, folders, known: new Map() };
}

/** The commit that the ref names there now; null: there is no such ref. */
async function commitWanted({ options, git, url, folders }: Context): Promise<string | null> {
  const { wanted } = options;
  await prepare(git, folders.repository);
  const ref = refName(wanted);
  if (ref === null) return wanted.commit ?? null;
  const asked = ref.startsWith('refs/tags/') ? [ref, `${ref}^{}`] : [ref];
  const listing = await remotely(url, git(['ls-remote', '--', url, ...asked]));
  // An annotated tag is an object of its own; what it is of has the same name with ^{}.
  return findRef(listing, `${ref}^{}`) ?? findRef(listing, ref);
}

async function prepare(git: Git, repository: string): Promise<void> {
  if (existsSync(join(repository, 'HEAD'))) return;
  await mkdir(repository, { recursive: true, mode: 0o700 });
  await git(['init', '--bare', '--quiet', repository]);
}

async function remotely<T>(url: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw asAway(error, url);
  });
}

async function readCommit(context: Context, commit: string): Promise<SourceRead> {
  const { options, git } = context;
  await fetchCommit(context, commit);
  const origin = await originOf(context, commit);
  if (options.verify !== null) {
    const signature = await verifySignature(git, commit, options.verify);
    if (signature.kind === 'refused') {
      const what = `${origin.ref}: commit ${commit.slice(0, 12)} by ${origin.author} ${signature.why}`;
      return { kind: 'refused', checksum: commit, problems: [`${options.name}: ${what}`], origin };
    }
    origin.signedBy = signature.by;
  }
  await checkOut(context, commit);
  return filesOf(context, origin);
}

/** Only what is wanted is fetched; a host that gives no commit by its id is asked for all branches. */
async function fetchCommit({ options, git, url }: Context, commit: string): Promise<void> {
  const { wanted, depth } = options;
  const flags = ['fetch', '--quiet', '--force', '--no-tags', '--no-write-fetch-head'];
  const shallow = depth === 0 ? [] : [`--depth=${depth}`];
  const ref = refName(wanted) ?? commit;
  const narrow = git([...flags, ...shallow, '--', url, `+${ref}:${HEAD}`]);
  if (wanted.commit === undefined) {
    await remotely(url, narrow);
  } else {
    await narrow.catch(async () => {
      const all = git([
        ...flags,
        '--',
        url,
        '+refs/heads/*:refs/vigil/all/*',
        '+refs/tags/*:refs/vigil/tags/*',
      ]);
      await remotely(url, all);
    });
  }
  const found = await git(['rev-parse', '--verify', '--quiet', `${commit}^{commit}`]).catch(
    () => '',
  );
  if (found.trim() === commit) return;
  const why =
    wanted.commit === undefined ? 'moved while it was fetched' : 'is not in the repository';
  throw new SourceAwayError(`${describeRef(wanted)} ${why} (${url})`);
}

const FORMAT = '%H%x00%an <%ae>%x00%at%x00%s';

async function originOf({ options, git }: Context, commit: string): Promise<Origin> {
  const told = await git(['log', '-1', `--format=${FORMAT}`, '--no-show-signature', commit]);
  const [id = commit, author = '', seconds = '0', message = ''] = told.trim().split('\0');
  const ref = describeRef(options.wanted);
  return { commit: id, author, authoredAt: Number(seconds) * 1000, message, ref };
}

/** The files as they are in the commit, and none of those that were there before; what is there already stays. */
async function checkOut({ git, folders }: Context, commit: string): Promise<void> {
  const { repository, tree } = folders;
  const write = async (): Promise<void> => {
    await mkdir(tree, { recursive: true, mode: 0o700 });
    await git(['read-tree', '--reset', '-u', commit], { workTree: tree });
    await git(['clean', '-ffdxq'], { workTree: tree });
  };
  await write().catch(async () => {
    // An index that a crash left half-written, or a file in the place of a folder: from the beginning.
    await rm(tree, { recursive: true, force: true });
    for (const file of ['index', 'index.lock']) await rm(join(repository, file), { force: true });
    await write();
  });
}

async function filesOf(context: Context, origin: Origin): Promise<SourceRead> {
  const { options, folders, known } = context;
  const { name, path, selection, render } = options;
  const folder = resolve(folders.tree, path);
  const checksum = origin.commit;
  const refused = (problems: string[]): SourceRead => ({
    kind: 'refused',
    checksum,
    problems,
    origin,
  });
  const isInside = folder === folders.tree || folder.startsWith(`${folders.tree}/`);
  if (!isInside || !existsSync(folder))
    return refused([`${name}: there is no folder "${path}" at ${origin.ref}`]);
  const label = path === '.' ? name : `${name}/${path.replace(/^\.\/|\/+$/g, '')}`;
  if (render !== null) {
    const rendered = await render(folder, label);
    return rendered.kind === 'refused' ? refused(rendered.problems) : { ...rendered, origin };
  }
  try {
    const found = await findManifests(folder, selection);
    const links = await linksOf(context, checksum);
    const wanted = found.filter((file) => links.has(join(folder, file.path)));
    if (wanted.length > 0)
      return refused(wanted.map((file) => `${label}/${file.path}: ${NO_LINKS}`));
    const read = (file: string): Promise<string> => readFile(file, 'utf8');
    const texts = await readManifests(folder, found, { known, read });
    if (texts === null) throw new SourceAwayError('the files changed while they were read');
    return {
      kind: 'files',
      files: texts.map((file) => ({ path: `${label}/${file.path}`, text: file.text })),
      origin,
    };
  } catch (error) {
    if (error instanceof TreeRefusedError) return refused([`${name}: ${error.message}`]);
    throw error;
  }
}

const NO_LINKS =
  'it is a symbolic link, and in a repository none is followed; put the file itself there, or exclude it';

/** The symbolic links of a commit, as they lie in the tree: files that hold where they lead. */
async function linksOf({ git, folders }: Context, commit: string): Promise<Set<string>> {
  const listing = await git(['ls-tree', '-r', '-z', '--full-tree', commit]);
  const links = listing.split('\0').filter((line) => line.startsWith('120000 '));
  return new Set(links.map((line) => join(folders.tree, line.slice(line.indexOf('\t') + 1))));
}
