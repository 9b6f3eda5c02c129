import {
  Composer,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  type CST,
  type Document,
  type Node,
  type ParsedNode,
  type YAMLError,
} from 'yaml';
import type { Problem } from '../problem';

/** Where in a document: keys and indexes from its root. */
export type Path = readonly (string | number)[];

/** `offset`: characters into a text value. */
export interface Place {
  part: 'key' | 'value';
  offset?: number;
}

/** Line and column count from 1; `prefix` goes before the message where the document has no lines. */
export interface Position {
  line: number;
  column: number;
  prefix: string;
}

/** One document as plain data, and where each part of it was written. */
export interface SourceDocument {
  data: unknown;
  locate: (path: Path, place: Place) => Position;
  /** How a number or word was written, before it was read as one; null when not known. */
  writtenAs: (path: Path) => string | null;
}

const MAX_LENGTH = 1_048_576;
/** The library's composer recurses, so that depth must be bounded before it runs. */
const MAX_DEPTH = 100;
const MAX_ALIASES = 50;
/** Of a key in a message, in characters. */
const MAX_KEY = 64;

/** Reads one file of YAML documents (JSON is YAML). Documents with problems are left out. */
export function readDocuments(
  text: string,
  file: string,
): { documents: SourceDocument[]; problems: Problem[] } {
  const lines = new LineCounter();
  const problems: Problem[] = [];
  const report = (offset: number, message: string): void => {
    const { line, col } = lines.linePos(offset);
    problems.push({
      file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      message,
      severity: 'error',
    });
  };
  lines.addNewLine(0);
  if (text.length > MAX_LENGTH) {
    report(0, `the file is longer than ${MAX_LENGTH} characters`);
    return { documents: [], problems };
  }
  const { tokens, tooDeepAt } = tokenize(text, lines);
  if (tooDeepAt !== null) {
    report(tooDeepAt, `nested deeper than ${MAX_DEPTH} levels`);
    return { documents: [], problems };
  }
  const documents: SourceDocument[] = [];
  for (const document of new Composer({ logLevel: 'error' }).compose(tokens)) {
    const faults = [...document.errors, ...document.warnings];
    for (const fault of faults) report(fault.pos[0], messageOf(fault, text));
    if (faults.length > 0) continue;
    const data = toData(document);
    if (data.ok) documents.push(sourceDocument(document, data.value, text, lines));
    else report(document.contents?.range[0] ?? 0, data.message);
  }
  return { documents, problems };
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? message;
}

function messageOf({ code, message, pos }: YAMLError, text: string): string {
  if (code !== 'DUPLICATE_KEY') return firstLine(message);
  const [, key = ''] = /^["']?([^\s:"']*)/.exec(text.slice(pos[0], pos[0] + MAX_KEY)) ?? [];
  return `the field "${key}" is there a second time`;
}

function tokenize(
  text: string,
  lines: LineCounter,
): { tokens: CST.Token[]; tooDeepAt: number | null } {
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > MAX_DEPTH) return { tokens, tooDeepAt: parser.offset };
  }
  tokens.push(...parser.end());
  return { tokens, tooDeepAt: null };
}

function toData(
  document: Document.Parsed,
): { ok: true; value: unknown } | { ok: false; message: string } {
  try {
    return { ok: true, value: document.toJS({ maxAliasCount: MAX_ALIASES }) };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return { ok: false, message: `its aliases cannot be expanded: ${firstLine(error.message)}` };
  }
}

function sourceDocument(
  document: Document.Parsed,
  data: unknown,
  text: string,
  lines: LineCounter,
): SourceDocument {
  return {
    data,
    locate(path, place) {
      const { line, col } = lines.linePos(offsetOf(document, path, place, text));
      return { line, column: col, prefix: '' };
    },
    writtenAs(path) {
      const { value } = find(document, path);
      return isScalar(value) ? (value.source ?? null) : null;
    },
  };
}

interface Found {
  key: Node | null;
  value: Node | null;
  /** False: `key` and `value` are those of the nearest parent that exists. */
  isExact: boolean;
}

function find(document: Document.Parsed, path: Path): Found {
  let found: Found = { key: null, value: document.contents, isExact: true };
  for (const step of path) {
    const next = child(resolved(document, found.value), step);
    if (next === null) return { ...found, isExact: false };
    found = { ...next, isExact: true };
  }
  return found;
}

function resolved(document: Document.Parsed, node: Node | null): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node;
}

function child(node: Node | null, step: string | number): Pick<Found, 'key' | 'value'> | null {
  if (isSeq<ParsedNode>(node)) {
    const value = node.items[Number(step)];
    return value === undefined ? null : { key: value, value };
  }
  if (!isMap<ParsedNode, ParsedNode | null>(node)) return null;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
  return pair === undefined ? null : { key: pair.key, value: pair.value };
}

function offsetOf(document: Document.Parsed, path: Path, place: Place, text: string): number {
  const { key, value, isExact } = find(document, path);
  const node = place.part === 'value' && isExact ? (value ?? key) : (key ?? value);
  const start = node?.range?.[0] ?? 0;
  return start + (place.offset === undefined ? 0 : offsetInText(node, place.offset, text));
}

/** Offsets are exact where the text stands in the file as it is; else its start has to do. */
function offsetInText(node: Node | null, offset: number, text: string): number {
  if (!isScalar(node) || typeof node.value !== 'string' || !node.range) return 0;
  const written = text.slice(node.range[0], node.range[1]);
  if (written === node.value) return offset;
  if (node.type === 'BLOCK_LITERAL') return offsetInBlock(written, offset);
  return written.slice(1, -1) === node.value ? offset + 1 : 0;
}

/** The lines of a block `|` stand in the file as they are, but for their indentation. */
function offsetInBlock(written: string, offset: number): number {
  const [header = '', ...lines] = written.split('\n');
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/));
  const indent = /[1-9]/.test(header) ? NaN : (indents[0] ?? NaN);
  if (Number.isNaN(indent)) return 0;
  let left = offset;
  let at = header.length + 1;
  for (const line of lines) {
    const length = Math.max(line.length - indent, 0);
    if (left <= length) return at + Math.min(indent, line.length) + left;
    left -= length + 1;
    at += line.length + 1;
  }
  return 0;
}

/** A document that came as JSON: no lines, so the message begins with a JSON pointer. */
export function plainDocument(data: unknown): SourceDocument {
  return {
    data,
    locate: (path) => ({
      line: 1,
      column: 1,
      prefix: path.length === 0 ? '' : `${pointer(path)}: `,
    }),
    writtenAs: () => null,
  };
}

function pointer(path: Path): string {
  return path
    .map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}
