import { unquote } from './series-notation';
import type { Branch, Command, Literal, Operand, Pipe, TemplateNode } from './template-nodes';

export interface TemplateProblem {
  at: number;
  message: string;
}

export type ParsedTemplate =
  { ok: true; nodes: TemplateNode[] } | { ok: false; problem: TemplateProblem };

export class TemplateError extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

interface Names {
  functions: ReadonlySet<string>;
  /** Known before the text begins, without the dollar. */
  variables: readonly string[];
}

/** Parses a template; functions and variables that nobody knows are mistakes, as in Go. */
export function parseTemplate(text: string, names: Names): ParsedTemplate {
  try {
    const parser = new TemplateParser(text, names);
    return { ok: true, nodes: parser.parse() };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { ok: false, problem: { at: error.at, message: error.message } };
  }
}

/** How a list of nodes ended. */
interface End {
  at: number;
  word: 'end' | 'else' | 'text';
}

const OPEN = /\{\{(- )?/g;
const TOKENS =
  /\s+|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)'|\$\w*|\.[A-Za-z_]\w*|[+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|[A-Za-z_]\w*|:=|[.=,|()]/y;
const CLOSE = /\s*(?:\}\}| -\}\}\s*)/y;
const COMMENT = /\/\*[\s\S]*?\*\/(?=\s*-?\}\})/y;
const WORDS_OF_CONTROL = ['if', 'with', 'range', 'else', 'end', 'break', 'continue'];
const NOT_SUPPORTED = ['define', 'template', 'block'];

class TemplateParser {
  private at = 0;
  private depthOfRanges = 0;
  private readonly text: string;
  private readonly functions: ReadonlySet<string>;
  private readonly variables: string[];

  constructor(text: string, names: Names) {
    this.text = text;
    this.functions = names.functions;
    this.variables = ['', ...names.variables];
  }

  parse(): TemplateNode[] {
    const { nodes, end } = this.list();
    if (end.word !== 'text') throw new TemplateError(end.at, `unexpected {{${end.word}}}`);
    return nodes;
  }

  private list(): { nodes: TemplateNode[]; end: End } {
    const nodes: TemplateNode[] = [];
    for (;;) {
      const start = this.literalText(nodes);
      if (start === null) return { nodes, end: { at: this.at, word: 'text' } };
      if (this.take(COMMENT) !== null) {
        this.close(start);
        continue;
      }
      const word = this.peek();
      if (word === 'end' || word === 'else') {
        this.take(TOKENS);
        if (word === 'end') this.close(start);
        return { nodes, end: { at: start, word } };
      }
      nodes.push(this.node(start, word));
    }
  }

  /** Text up to the next action, which begins there; null at the end of the template. */
  private literalText(nodes: TemplateNode[]): number | null {
    OPEN.lastIndex = this.at;
    const open = OPEN.exec(this.text);
    const raw = this.text.slice(this.at, open?.index);
    const text = open?.[1] === undefined ? raw : raw.trimEnd();
    if (text !== '') nodes.push({ kind: 'text', text });
    this.at = open === null ? this.text.length : open.index + open[0].length;
    if (open === null) return null;
    this.skipSpace();
    return open.index;
  }

  private node(start: number, word: string): TemplateNode {
    if (NOT_SUPPORTED.includes(word)) {
      throw new TemplateError(start, `{{${word}}} is not supported here`);
    }
    if (!WORDS_OF_CONTROL.includes(word)) {
      const pipe = this.pipe('command');
      this.close(start);
      return { kind: 'action', pipe };
    }
    this.take(TOKENS);
    if (word === 'if' || word === 'with') return this.conditional(start, word);
    if (word === 'range') return this.range(start);
    this.close(start);
    if (this.depthOfRanges === 0) throw new TemplateError(start, `{{${word}}} outside {{range}}`);
    return { kind: word === 'break' ? 'break' : 'continue' };
  }

  private conditional(start: number, kind: 'if' | 'with'): TemplateNode {
    const scope = this.variables.length;
    const branches: Branch[] = [];
    let otherwise: TemplateNode[] = [];
    for (;;) {
      const pipe = this.pipe(kind);
      this.close(start);
      const { nodes, end } = this.list();
      branches.push({ pipe, body: nodes });
      if (this.isElse(start, end)) {
        this.skipSpace();
        if (this.peek() === kind) {
          this.take(TOKENS);
          continue;
        }
        otherwise = this.lastList(start);
      }
      this.variables.length = scope;
      return { kind, branches, otherwise };
    }
  }

  private range(start: number): TemplateNode {
    const scope = this.variables.length;
    const pipe = this.pipe('range');
    this.close(start);
    this.depthOfRanges += 1;
    const { nodes: body, end } = this.list();
    this.depthOfRanges -= 1;
    const otherwise = this.isElse(start, end) ? this.lastList(start) : [];
    this.variables.length = scope;
    return { kind: 'range', pipe, body, otherwise };
  }

  private isElse(start: number, end: End): boolean {
    if (end.word === 'text') throw new TemplateError(start, 'this block has no {{end}}');
    return end.word === 'else';
  }

  private lastList(start: number): TemplateNode[] {
    this.close(this.at);
    const { nodes, end } = this.list();
    if (end.word === 'else') throw new TemplateError(end.at, 'expected {{end}}, found {{else}}');
    this.isElse(start, end);
    return nodes;
  }

  private close(start: number): void {
    this.skipSpaceBeforeClose();
    if (this.take(CLOSE) !== null) return;
    const isOpen = !this.text.includes('}}', this.at);
    if (isOpen) throw new TemplateError(start, 'the action is not closed by }}');
    throw new TemplateError(this.at, `${this.named()} does not belong here`);
  }

  private pipe(of: string): Pipe {
    const { variables, isAssignment } = this.declaration();
    const commands: Command[] = [];
    do {
      this.skipSpace();
      commands.push(this.command(of));
      this.skipSpace();
    } while (this.takeWord('|'));
    if (!isAssignment) this.variables.push(...variables);
    return { variables, isAssignment, commands };
  }

  /** `$x :=`, `$i, $v :=` or `$x =` at the start of a pipeline. */
  private declaration(): { variables: string[]; isAssignment: boolean } {
    const found = this.take(/\s*\$(\w+)(?:\s*,\s*\$(\w+))?\s*(:=|=)/y);
    if (found === null) return { variables: [], isAssignment: false };
    const [, first = '', second, operator] = found;
    const variables = second === undefined ? [first] : [first, second];
    const isAssignment = operator === '=';
    const unknown = variables.find((name) => isAssignment && !this.variables.includes(name));
    if (unknown !== undefined) {
      throw new TemplateError(this.at - found[0].length, `undefined variable "$${unknown}"`);
    }
    return { variables, isAssignment };
  }

  private command(of: string): Command {
    const at = this.at;
    const operands: Operand[] = [];
    for (;;) {
      const operand = this.operand();
      if (operand === null) break;
      operands.push(operand);
      if (!this.skipSpace()) break;
    }
    if (operands.length === 0) throw new TemplateError(at, `missing value for ${of}`);
    return { at, operands };
  }

  private operand(): Operand | null {
    const { at } = this;
    if (this.isClosing()) return null;
    const token = this.peek();
    if (token === '' || ['|', ')', ',', '=', ':='].includes(token)) return null;
    this.take(TOKENS);
    if (token === '(') {
      const pipe = this.pipe('parenthesized pipeline');
      if (!this.takeWord(')')) throw new TemplateError(at, 'the ( is not closed');
      return { at, kind: 'pipe', pipe, path: this.fields() };
    }
    if (token === '.') return { at, kind: 'dot', path: [] };
    if (token.startsWith('.') && /^\.[A-Za-z_]/.test(token)) {
      return { at, kind: 'dot', path: [token.slice(1), ...this.fields()] };
    }
    if (token.startsWith('$')) {
      const name = token.slice(1);
      if (!this.variables.includes(name)) {
        throw new TemplateError(at, `undefined variable "${token}"`);
      }
      return { at, kind: 'variable', name, path: this.fields() };
    }
    return this.wordOrLiteral(at, token);
  }

  private wordOrLiteral(at: number, token: string): Operand {
    const value = literalOf(token);
    if (value !== undefined) return { at, kind: 'literal', value, path: [] };
    if (this.functions.has(token)) return { at, kind: 'function', name: token, path: [] };
    throw new TemplateError(at, `function "${token}" is not known`);
  }

  private fields(): string[] {
    const path: string[] = [];
    for (;;) {
      const found = this.take(/\.([A-Za-z_]\w*)/y);
      if (found === null) return path;
      path.push(found[1] ?? '');
    }
  }

  private isClosing(): boolean {
    CLOSE.lastIndex = this.at;
    return CLOSE.test(this.text);
  }

  private takeWord(word: string): boolean {
    if (this.peek() !== word) return false;
    this.take(TOKENS);
    return true;
  }

  private peek(): string {
    TOKENS.lastIndex = this.at;
    return TOKENS.exec(this.text)?.[0] ?? '';
  }

  private take(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.at;
    const found = expression.exec(this.text);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  /** The space of ` -}}` belongs to the closing. */
  private skipSpace(): boolean {
    return !this.isClosing() && this.take(/\s+/y) !== null;
  }

  private skipSpaceBeforeClose(): void {
    if (!this.isClosing()) this.take(/\s+/y);
  }

  private named(): string {
    return JSON.stringify(this.text.slice(this.at, this.at + 20).split(/\s|\}\}/)[0]);
  }
}

function literalOf(token: string): Literal | undefined {
  if (/^["`]/.test(token)) return unquote(token);
  if (token.startsWith("'")) return BigInt(unquote(token).codePointAt(0) ?? 0);
  if (token === 'true' || token === 'false') return token === 'true';
  if (token === 'nil') return null;
  if (!/^[+-]?\.?\d/.test(token)) return undefined;
  const value = Number(token);
  return /^[+-]?(0[xX]|\d+$)/.test(token) ? BigInt(value) : value;
}
