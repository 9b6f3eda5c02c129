import { isGoMap, isGoSample, isList, printValue, typeName, type Value } from './go-format';
import {
  FUNCTIONS,
  FunctionError,
  isTruthy,
  LAZY_FUNCTIONS,
  type FunctionContext,
} from './template-functions';
import type { Command, Operand, Pipe, TemplateNode } from './template-nodes';
import { parseTemplate, type TemplateProblem } from './template-syntax';

/** What an alert gives the templates of its labels and annotations. */
export interface TemplateData extends FunctionContext {
  labels: Readonly<Record<string, string>>;
  externalLabels: Readonly<Record<string, string>>;
  value: number;
}

export type Template =
  { ok: true; expand: (data: TemplateData) => string } | { ok: false; problem: TemplateProblem };

const NAMES = {
  functions: new Set([...Object.keys(FUNCTIONS), ...LAZY_FUNCTIONS]),
  variables: ['labels', 'externalLabels', 'externalURL', 'value'],
};

/**
 * Compiles a template as Prometheus' rules write them. What goes wrong only while it is expanded
 * becomes its text, `<error expanding template: …>`, as in Prometheus.
 */
export function compileTemplate(text: string): Template {
  const parsed = parseTemplate(text, NAMES);
  if (!parsed.ok) return parsed;
  return { ok: true, expand: (data) => expand(parsed.nodes, data) };
}

class ExpansionError extends Error {}

function expand(nodes: readonly TemplateNode[], data: TemplateData): string {
  try {
    return new Expansion(data).run(nodes);
  } catch (error) {
    if (!(error instanceof ExpansionError) && !(error instanceof FunctionError)) throw error;
    return `<error expanding template: ${error.message}>`;
  }
}

interface Variable {
  name: string;
  value: Value;
}

class LoopEnd extends Error {
  readonly kind: 'break' | 'continue';

  constructor(kind: 'break' | 'continue') {
    super(kind);
    this.kind = kind;
  }
}

class Expansion {
  private out = '';
  private readonly data: TemplateData;
  private readonly scope: Variable[];
  private readonly root: Value;

  constructor(data: TemplateData) {
    this.data = data;
    const labels: Value = { kind: 'map', entries: data.labels };
    const externalLabels: Value = { kind: 'map', entries: data.externalLabels };
    const { externalUrl, value } = data;
    const entries = {
      Labels: labels,
      ExternalLabels: externalLabels,
      ExternalURL: externalUrl,
      Value: value,
    };
    this.root = { kind: 'map', entries };
    this.scope = [
      { name: '', value: this.root },
      { name: 'labels', value: labels },
      { name: 'externalLabels', value: externalLabels },
      { name: 'externalURL', value: externalUrl },
      { name: 'value', value },
    ];
  }

  run(nodes: readonly TemplateNode[]): string {
    this.list(nodes, this.root);
    return this.out;
  }

  private list(nodes: readonly TemplateNode[], dot: Value): void {
    for (const node of nodes) this.node(node, dot);
  }

  private node(node: TemplateNode, dot: Value): void {
    switch (node.kind) {
      case 'text':
        this.out += node.text;
        return;
      case 'action': {
        const value = this.pipe(node.pipe, dot);
        if (node.pipe.variables.length > 0) return;
        this.out += value === null ? '<no value>' : printValue(value);
        return;
      }
      case 'if':
      case 'with':
        this.scoped(() => {
          this.conditional(node, dot);
        });
        return;
      case 'range':
        this.scoped(() => {
          this.range(node, dot);
        });
        return;
      case 'break':
      case 'continue':
        throw new LoopEnd(node.kind);
    }
  }

  private scoped(body: () => void): void {
    const depth = this.scope.length;
    try {
      body();
    } finally {
      this.scope.length = depth;
    }
  }

  private conditional(
    { kind, branches, otherwise }: Extract<TemplateNode, { kind: 'if' | 'with' }>,
    dot: Value,
  ): void {
    for (const { pipe, body } of branches) {
      const value = this.pipe(pipe, dot);
      if (!isTruthy(value)) continue;
      this.list(body, kind === 'with' ? value : dot);
      return;
    }
    this.list(otherwise, dot);
  }

  private range(
    { pipe, body, otherwise }: Extract<TemplateNode, { kind: 'range' }>,
    dot: Value,
  ): void {
    const value = this.pipe({ ...pipe, variables: [] }, dot);
    const entries = entriesOf(value);
    if (entries.length === 0) {
      this.list(otherwise, dot);
      return;
    }
    for (const [key, element] of entries) {
      const isLast = this.iterate({ pipe, body }, key, element);
      if (isLast) return;
    }
  }

  /** True: `{{break}}`. */
  private iterate(
    { pipe, body }: { pipe: Pipe; body: readonly TemplateNode[] },
    key: Value,
    element: Value,
  ): boolean {
    const values = pipe.variables.length === 2 ? [key, element] : [element];
    try {
      this.scoped(() => {
        this.bind({ ...pipe }, values);
        this.list(body, element);
      });
      return false;
    } catch (error) {
      if (!(error instanceof LoopEnd)) throw error;
      return error.kind === 'break';
    }
  }

  private bind({ variables, isAssignment }: Pipe, values: readonly Value[]): void {
    variables.forEach((name, i) => {
      const value = values[i] ?? null;
      if (isAssignment) this.variable(name).value = value;
      else this.scope.push({ name, value });
    });
  }

  private variable(name: string): Variable {
    const found = this.scope.findLast((one) => one.name === name);
    if (found === undefined) throw new ExpansionError(`undefined variable: $${name}`);
    return found;
  }

  private pipe(pipe: Pipe, dot: Value): Value {
    let piped: Value | undefined;
    for (const command of pipe.commands) piped = this.command(command, dot, piped);
    const value = piped ?? null;
    this.bind(pipe, [value]);
    return value;
  }

  private command({ operands }: Command, dot: Value, piped: Value | undefined): Value {
    const [first, ...rest] = operands;
    if (first === undefined) return null;
    if (first.kind === 'function') return this.call(first.name, { args: rest, dot, piped });
    if (rest.length > 0 || piped !== undefined) {
      throw new ExpansionError(`can't give argument to non-function ${describe(first)}`);
    }
    if (first.kind === 'literal' && first.value === null) {
      throw new ExpansionError('nil is not a command');
    }
    return this.operand(first, dot);
  }

  private call(
    name: string,
    { args, dot, piped }: { args: readonly Operand[]; dot: Value; piped: Value | undefined },
  ): Value {
    const last = piped === undefined ? [] : [piped];
    if (name === 'and' || name === 'or') {
      let value: Value = null;
      for (const arg of args) {
        value = this.operand(arg, dot);
        if (isTruthy(value) === (name === 'or')) return value;
      }
      return last[0] ?? value;
    }
    const values = [...args.map((arg) => this.operand(arg, dot)), ...last];
    try {
      return FUNCTIONS[name]?.(values, this.data) ?? null;
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error;
      throw new ExpansionError(`error calling ${name}: ${error.message}`);
    }
  }

  private operand(operand: Operand, dot: Value): Value {
    const value = this.head(operand, dot);
    return operand.path.reduce(field, value);
  }

  private head(operand: Operand, dot: Value): Value {
    switch (operand.kind) {
      case 'literal':
        return operand.value;
      case 'dot':
        return dot;
      case 'variable':
        return this.variable(operand.name).value;
      case 'function':
        return this.call(operand.name, { args: [], dot, piped: undefined });
      case 'pipe': {
        const depth = this.scope.length;
        const value = this.pipe(operand.pipe, dot);
        this.scope.length = depth;
        return value;
      }
    }
  }
}

/** A label that is not there is empty. */
function field(value: Value, name: string): Value {
  if (isGoMap(value)) return value.entries[name] ?? '';
  if (isGoSample(value)) {
    if (name === 'Value') return value.value;
    if (name === 'Labels') return { kind: 'map', entries: value.labels };
  }
  throw new ExpansionError(`can't evaluate field ${name} in type ${typeName(value)}`);
}

function entriesOf(value: Value): [Value, Value][] {
  if (isList(value)) return value.map((element, i) => [BigInt(i), element]);
  if (isGoMap(value)) return Object.entries(value.entries).sort(([a], [b]) => (a < b ? -1 : 1));
  if (typeof value === 'bigint') {
    return Array.from({ length: Number(value) }, (_element, i) => [BigInt(i), BigInt(i)]);
  }
  if (value === null) return [];
  throw new ExpansionError(`range can't iterate over ${printValue(value)}`);
}

function describe(operand: Operand): string {
  return operand.kind === 'literal' ? JSON.stringify(String(operand.value)) : operand.kind;
}
