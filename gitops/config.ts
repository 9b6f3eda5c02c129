import { normalize } from 'node:path';
import { z } from 'zod';
import {
  databaseSection,
  duration,
  home,
  logSection,
  port,
  textList,
} from '../platform/config-sections';
import { placeOf, whyNotUrl } from './sources/git/access';

const MIN_INTERVAL_MS = 1000;

/** `a, b` or a list; the same folder twice is one. */
const folders = z
  .union([z.array(z.string()), z.string().transform((text) => text.split(','))])
  .transform((paths) => [
    ...new Set(paths.map((path) => path.trim()).flatMap((path) => (path === '' ? [] : tidy(path)))),
  ]);

/** A git repository or a folder, where `folders` does not say enough. */
const source = z
  .strictObject({
    /** Owner of its objects: `git:<name>`, `folder:<name>`. Default: the repository without credentials, or the folder. */
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be a name')
      .optional(),
    folder: z.string().min(1).optional(),
    /** As git takes it: https://, ssh://, user@host:path, or a path. */
    git: z.string().min(1).optional(),
    /** At most one of the three; without them, the repository's own HEAD. */
    branch: z.string().min(1).optional(),
    tag: z.string().min(1).optional(),
    commit: z
      .string()
      .regex(/^[0-9a-f]{40}$/, 'must be a full commit id')
      .optional(),
    /** Only what lies below it. */
    path: z.string().default('.'),
    /** Globs, relative to `path`; none: every .yaml, .yml and .json. */
    include: textList.default([]),
    exclude: textList.default([]),
    auth: z
      .strictObject({
        username: z.string().optional(),
        /** File that holds a token or password for https. It is read anew for each fetch. */
        tokenFile: z.string().optional(),
        sshKeyFile: z.string().optional(),
        /** Default: ~/.ssh/known_hosts; hosts that are not in it are refused. */
        knownHostsFile: z.string().optional(),
        /** A git-credentials file, as `git credential-store` keeps it. */
        credentialsFile: z.string().optional(),
      })
      .optional(),
    /** Commits that are fetched; 0: all. */
    depth: z.coerce.number().int().min(0).default(1),
    /** Looked at that often after a change, and ever more seldom up to `slow` while it is quiet. */
    poll: z
      .strictObject({ fast: duration.default(5000), slow: duration.default(180_000) })
      .prefault({}),
    /** A git command that takes longer is ended. */
    timeout: duration.default(60_000),
    /** Only a head signed by one of the keys is taken. */
    verify: z
      .strictObject({
        mode: z.enum(['ssh', 'gpg']),
        /** Public keys, or files that hold them: lines of `ssh-ed25519 AAAA…`, or armoured OpenPGP. */
        keys: textList.refine((all) => all.length > 0, 'must hold at least one key'),
      })
      .optional(),
    /** What lies at `path` is rendered, and the output is taken as manifests. */
    render: z
      .discriminatedUnion('type', [
        z.strictObject({ type: z.literal('kustomize'), timeout: duration.default(30_000) }),
        z.strictObject({
          type: z.literal('helm'),
          release: z.string().min(1),
          namespace: z.string().min(1).optional(),
          /** Relative to `path`. */
          values: textList.default([]),
          timeout: duration.default(30_000),
        }),
      ])
      .optional(),
  })
  .superRefine((one, context) => {
    if ((one.folder === undefined) === (one.git === undefined))
      context.addIssue({ code: 'custom', message: 'needs either "git" or "folder"' });
    const why = one.git === undefined ? null : whyNotUrl(one.git);
    if (why !== null) context.addIssue({ code: 'custom', path: ['git'], message: why });
    if ([one.branch, one.tag, one.commit].filter((ref) => ref !== undefined).length > 1)
      context.addIssue({ code: 'custom', message: 'takes one of branch, tag and commit' });
    if (one.folder !== undefined)
      for (const key of OF_GIT.filter((field) => one[field] !== undefined))
        context.addIssue({ code: 'custom', path: [key], message: 'says nothing to a folder' });
    if (one.folder !== undefined && one.path !== '.')
      context.addIssue({ code: 'custom', path: ['path'], message: 'is part of "folder" itself' });
    if (one.folder === undefined && /^(\/|\.\.(\/|$))/.test(normalize(one.path)))
      context.addIssue({ code: 'custom', path: ['path'], message: 'leads out of the repository' });
    if (one.poll.fast > one.poll.slow)
      context.addIssue({ code: 'custom', path: ['poll'], message: '"fast" is more than "slow"' });
  });

const OF_GIT = ['branch', 'tag', 'commit', 'auth', 'verify'] as const;

/** Where the key of a sender's signature is kept. */
const sender = z.strictObject({ secretFile: z.string().min(1) }).optional();

export type SourceConfig = z.output<typeof source>;

export const gitopsConfigSchema = z.object({
  home,
  database: databaseSection,
  log: logSection,
  gitops: z
    .strictObject({
      /** Where /health, /metrics and /status listen. */
      host: z.string().default('127.0.0.1'),
      port: port.default(8082),
      /** File with the bearer token for all but /health and /webhooks. Needed unless `host` is a loopback address. */
      tokenFile: z.string().min(1).optional(),
      /** Folders are watched; this is how often they are read all the same. */
      interval: duration.transform((ms) => Math.max(ms, MIN_INTERVAL_MS)).prefault('10s'),
      /** Folders of manifests, relative to the working directory. */
      folders: folders.prefault('manifests/demo'),
      /** Beside `folders`. */
      sources: z.array(source).default([]),
      /** Who may say that a repository changed. A sender without a key is refused. */
      webhooks: z.strictObject({ github: sender, gitlab: sender, generic: sender }).prefault({}),
      /** A revision that would remove more than this share of a source's objects waits for a person. */
      pruneShare: z.coerce.number().min(0).max(1).default(0.5),
    })
    .superRefine((all, context) => {
      const names = [
        ...all.folders.map((folder) => `folder:${folder}`),
        ...all.sources.map((one) => `${one.git === undefined ? 'folder' : 'git'}:${nameOf(one)}`),
      ];
      // Two of one name would prune each other's objects for ever.
      names.forEach((name, i) => {
        const path = ['sources', i - all.folders.length];
        if (names.indexOf(name) < i)
          context.addIssue({
            code: 'custom',
            path,
            message: `${name} is there twice: give one another name`,
          });
      });
    })
    .prefault({}),
});

export type GitopsConfig = z.output<typeof gitopsConfigSchema>;

/** What a source is called: its folder, or `github.com/acme/fleet`, where it has no name. */
export function nameOf({ name, git, folder = '' }: SourceConfig): string {
  if (name !== undefined) return name;
  if (git === undefined) return folder;
  const { host, path } = placeOf(git);
  return `${host ?? ''}/${path}`;
}

function tidy(path: string): string {
  return normalize(path).replace(/(?<=.)\/+$/, '');
}
