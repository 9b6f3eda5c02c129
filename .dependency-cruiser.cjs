/** The import table of the design: folder → what of ours it may import at run time. */
const MAY_IMPORT = {
  domain: [],
  platform: [],
  language: ['domain'],
  workflows: ['domain'],
  storage: ['domain', 'platform'],
  activities: ['domain', 'storage', 'platform', 'workflows/contract'],
  'activities/runtimes': ['domain', 'platform'],
  'activities/channels': ['domain', 'platform'],
  workers: ['activities', 'storage', 'platform', 'workflows/contract'],
  detector: ['domain', 'storage', 'platform', 'workflows/contract'],
  api: [
    'detector',
    'domain',
    'language',
    'storage',
    'platform',
    'workflows/contract',
    'activities/attribution',
    'activities/catalogue',
  ],
  gitops: ['domain', 'language', 'storage', 'platform', 'activities/catalogue'],
  agent: ['domain', 'language', 'platform'],
  cli: ['domain', 'language', 'platform', 'activities/catalogue'],
};
const FOLDERS = Object.keys(MAY_IMPORT).filter((folder) => !folder.includes('/'));
const USES_STORAGE = '^cli/(up/|commands/(migrate|keys|backup|restore)\\.ts)';

function rule(folder) {
  const nested = Object.keys(MAY_IMPORT).filter((other) => other.startsWith(`${folder}/`));
  const allowed = [folder, ...MAY_IMPORT[folder]];
  if (folder === 'activities') allowed.push('activities');
  return {
    name: `${folder}-imports`,
    severity: 'error',
    comment: `${folder} may import ${MAY_IMPORT[folder].join(', ') || 'nothing of ours'}`,
    from: {
      path: `^${folder}/`,
      pathNot: [
        ...nested.map((other) => `^${other}/`),
        ...(folder === 'cli' ? [USES_STORAGE] : []),
      ],
    },
    to: {
      path: `^(${FOLDERS.join('|')})/`,
      pathNot: allowed.map((other) => `^${other}(/|\\.ts$)`),
      dependencyTypesNot: ['type-only'],
    },
  };
}

module.exports = {
  forbidden: [
    ...Object.keys(MAY_IMPORT).map(rule),
    {
      name: 'cli-up-imports',
      severity: 'error',
      from: { path: USES_STORAGE },
      to: {
        path: `^(${FOLDERS.join('|')})/`,
        pathNot: ['cli', 'domain', 'language', 'platform', 'storage']
          .map((f) => `^${f}/`)
          .concat('^activities/catalogue\\.ts$'),
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'catalogue-imports-specs-only',
      severity: 'error',
      from: { path: '^activities/catalogue\\.ts$' },
      to: {
        path: '^(activities|storage|workflows)/',
        pathNot: '^activities/runtimes/[^/]+/spec\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'workflows-stay-light',
      severity: 'error',
      comment: 'zod and yaml cost seven times the memory per cached workflow',
      from: { path: '^(workflows|domain)/' },
      to: { path: 'node_modules/(zod|yaml|pg|pino)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'workflows-ask-no-calendar',
      severity: 'error',
      comment:
        'luxon and the time zone database of the machine: activities say when, workflows wait',
      from: { path: '^(workflows|domain/(action|policy))/' },
      to: {
        path: '^domain/calendar\\.ts$|node_modules/luxon/',
        dependencyTypesNot: ['type-only'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '^(dist|coverage)/' },
  },
};
