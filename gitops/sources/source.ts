/** A place that manifests come from. */
export interface Source {
  /** The owner of its objects: `folder:<path>`, `git:<name>`. */
  name: string;
  /** Every manifest file, by path. Throws what the system says where a new try may help. */
  read: () => Promise<SourceRead>;
  /** Calls back when something changed, as far as the system tells; `read` is the truth. Absent: only polled. */
  watch?: (onChange: () => void, onError: (error: unknown) => void) => Watch;
  /** Whether a push, as a webhook told it, may have changed this source. Absent: never. */
  isTouchedBy?: (push: Push) => boolean;
  /** Ms until the next look when nobody says that it changed. Absent: the process' own interval. */
  nextLookMs?: (failures: number) => number;
}

export interface SourceFile {
  /** As people write it: the folder or repository as configured, and the path below it. */
  path: string;
  text: string;
}

export type SourceRead =
  | { kind: 'files'; files: SourceFile[]; origin?: Origin }
  /** The same commit as at the last `files`: nothing was read. */
  | { kind: 'unchanged'; origin: Origin }
  /** Nothing is there; nothing is pruned for it. */
  | { kind: 'absent'; message: string }
  /** Somebody is writing: read again in a moment. */
  | { kind: 'unsettled' }
  /** It is there and must not be used: an unsigned head, a rendering that failed. The last good revision stays. */
  | { kind: 'refused'; checksum: string; problems: string[]; origin?: Origin };

/** Where a revision comes from in version control. */
export interface Origin {
  /** Full id of the commit. */
  commit: string;
  /** `Name <mail>`. */
  author: string;
  /** Epoch ms. */
  authoredAt: number;
  /** First line of the message. */
  message: string;
  /** What was asked for: `branch main`, `tag v1`, `commit 1a2b…`. */
  ref: string;
  /** Who signed it, once that was verified. */
  signedBy?: string;
}

export interface Push {
  /** Addresses of the repository, as the sender writes them; empty: it does not say, look at all. */
  urls: string[];
  /** Full ref, such as `refs/heads/main`; null: it does not say. */
  ref: string | null;
}

export interface Watch {
  close: () => Promise<void>;
}

/** Turns a folder of templates into manifests; `label` is what people call the folder. */
export type Render = (
  folder: string,
  label: string,
) => Promise<{ kind: 'files'; files: SourceFile[] } | { kind: 'refused'; problems: string[] }>;

/** The source cannot be read now; the message says why in words of a person, and holds no secret. */
export class SourceAwayError extends Error {
  override name = 'SourceAwayError';
}
