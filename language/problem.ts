/** One thing wrong with what a person wrote. Line and column count from 1. */
export interface Problem {
  file: string;
  line: number;
  column: number;
  message: string;
  severity: 'error' | 'warning';
}

/** `file:line:col: message`, the form editors and terminals link. */
export function formatProblem({ file, line, column, message }: Problem): string {
  return `${file}:${line}:${column}: ${message}`;
}

/** Longer words are never typing errors of a known one, and comparing them costs time. */
const MAX_WORD = 64;

/** From how many letters on the start of a word stands for it. */
const MIN_START = 3;

/** `; did you mean "restart"?` when a known word is close enough, else the empty string. */
export function suggest(word: string, known: Iterable<string>): string {
  if (word.length > MAX_WORD) return '';
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: { word: string; distance: number } | null = null;
  for (const candidate of known) {
    const distance = distanceOf(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && distance < (best?.distance ?? Infinity)) {
      best = { word: candidate, distance };
    }
  }
  return best === null ? '' : `; did you mean "${best.word}"?`;
}

/** A word that was cut short counts as one edit. */
function distanceOf(word: string, candidate: string): number {
  const isStart = word.length >= MIN_START && candidate.startsWith(word);
  return isStart ? Math.min(1, candidate.length - word.length) : editDistance(word, candidate);
}

/** Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other. */
function editDistance(from: string, to: string): number {
  const width = to.length + 1;
  const cells = new Map<number, number>();
  const cell = (i: number, j: number): number =>
    i === 0 || j === 0 ? i + j : (cells.get(i * width + j) ?? 0);
  for (let i = 1; i <= from.length; i += 1) {
    for (let j = 1; j <= to.length; j += 1) {
      const cost = from[i - 1] === to[j - 1] ? 0 : 1;
      const isSwapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const edits = [cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + cost];
      if (isSwapped) edits.push(cell(i - 2, j - 2) + 1);
      cells.set(i * width + j, Math.min(...edits));
    }
  }
  return cell(from.length, to.length);
}
