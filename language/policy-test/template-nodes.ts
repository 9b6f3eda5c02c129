/** What a template is made of: Go's text/template, as far as rules use it. */
export type TemplateNode =
  | { kind: 'text'; text: string }
  | { kind: 'action'; pipe: Pipe }
  | { kind: 'if' | 'with'; branches: Branch[]; otherwise: TemplateNode[] }
  | { kind: 'range'; pipe: Pipe; body: TemplateNode[]; otherwise: TemplateNode[] }
  | { kind: 'break' | 'continue' };

export interface Branch {
  pipe: Pipe;
  body: TemplateNode[];
}

export interface Pipe {
  /** `$x :=`, `$i, $v :=`, or `$x =` with `isAssignment`. */
  variables: string[];
  isAssignment: boolean;
  commands: Command[];
}

/** One step of a pipeline: a function and its arguments, or a value. */
export interface Command {
  at: number;
  operands: Operand[];
}

/** Whole numbers are bigint, as Go tells int from float64. */
export type Literal = string | number | bigint | boolean | null;

/** `path`: the fields that follow, `$labels.job`. */
export type Operand = { at: number; path: string[] } & (
  | { kind: 'literal'; value: Literal }
  | { kind: 'dot' }
  | { kind: 'variable'; name: string }
  | { kind: 'function'; name: string }
  | { kind: 'pipe'; pipe: Pipe }
);
