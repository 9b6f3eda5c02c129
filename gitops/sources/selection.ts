import picomatch from 'picomatch';

/** Which files of a folder are manifests. */
export interface Selection {
  /** Globs, relative to the folder; none: every .yaml, .yml and .json. */
  include: readonly string[];
  exclude: readonly string[];
}

export const EVERYTHING: Selection = { include: [], exclude: [] };

const MANIFEST = /\.(ya?ml|json)$/i;

/** What a selection says of a path below the folder. */
export interface Matcher {
  isWanted: (file: string) => boolean;
  /** Whether a file below it may be wanted. Where that cannot be told: true. */
  mayHold: (folder: string) => boolean;
  /** Excluded by its own name, whatever it is. */
  isExcluded: (path: string) => boolean;
}

export function matcherOf({ include, exclude }: Selection): Matcher {
  const isIn =
    include.length === 0 ? (path: string) => MANIFEST.test(path) : picomatch([...include]);
  const isExcluded = anyOf(exclude);
  // Such a glob covers all that is below what it covers.
  const isExcludedBelow = anyOf(exclude.filter((one) => /^[^!].*\/\*\*$/.test(one)));
  const bases = include.map(baseOf);
  const isNear = (folder: string): boolean =>
    bases.length === 0 || bases.some((base) => isBelow(base, folder) || isBelow(folder, base));
  return {
    isWanted: (file) => isIn(file) && !isExcluded(file),
    mayHold: (folder) => isNear(folder) && !isExcludedBelow(folder),
    isExcluded,
  };
}

function anyOf(globs: readonly string[]): (path: string) => boolean {
  return globs.length === 0 ? () => false : picomatch([...globs]);
}

/** The folder that all matches of a glob are in, or what it names at the top; empty: any. */
function baseOf(glob: string): string {
  const { base, negated } = picomatch.scan(glob);
  if (negated || /[\\(!]/.test(glob)) return '';
  return /\/|\*\*/.test(glob) ? base.replace(/\/+$/, '') : glob;
}

function isBelow(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}
