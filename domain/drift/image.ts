/** An image as its name says; `web` is `docker.io/library/web:latest`. */
interface ImageName {
  /** With its registry. */
  repository: string;
  /** Null: the name gives a digest alone. */
  tag: string | null;
  digest: string | null;
  /** What an observer adds in parentheses where the name means another image by now: that one's id. */
  id: string | null;
}

/** Whether two names mean one image. A digest decides where both give one, else the tag. */
export function isSameImage(a: string, b: string): boolean {
  const [x, y] = [imageName(a), imageName(b)];
  if (x.repository !== y.repository || x.id !== y.id) return false;
  if (x.digest !== null && y.digest !== null) return x.digest === y.digest;
  return x.tag === y.tag;
}

/** Whether they are releases of one thing: tags or digests of one repository. */
export function isSameRepository(a: string, b: string): boolean {
  return imageName(a).repository === imageName(b).repository;
}

/** `web:1 (sha256:0123…)` → `web:1`. */
export function plainImage(text: string): string {
  return text.replace(/ \([^()]*\)$/, '');
}

function imageName(text: string): ImageName {
  const plain = plainImage(text);
  const id = plain === text ? null : text.slice(plain.length + 2, -1);
  const [name = '', digest = null] = plain.split('@', 2);
  // A colon before a slash belongs to the registry's port.
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  const hasTag = colon !== -1;
  const tag = hasTag ? name.slice(colon + 1) : digest === null ? 'latest' : null;
  return { repository: repositoryOf(hasTag ? name.slice(0, colon) : name), tag, digest, id };
}

function repositoryOf(name: string): string {
  const first = name.slice(0, Math.max(name.indexOf('/'), 0));
  const isOfHub = ['docker.io', 'index.docker.io'].includes(first);
  const hasRegistry = /[.:]/.test(first) || first === 'localhost';
  if (hasRegistry && !isOfHub) return name;
  const path = isOfHub ? name.slice(first.length + 1) : name;
  return `docker.io/${path.includes('/') ? path : `library/${path}`}`;
}
