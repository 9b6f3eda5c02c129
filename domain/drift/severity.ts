import type { Severity } from '../policy/policy';
import type { Change } from './change';
import { matchesPointer } from './pointer-glob';
import type { DriftRules } from './rules';

interface Row {
  path: string;
  kind?: Change['kind'];
  isNone?: true;
  severity: Severity;
}

/** The first that matches says how severe a difference is; a manifest's own rules come before it. */
const TABLE: readonly Row[] = [
  { path: '/running', severity: 'critical' },
  // None of several replicas serves.
  { path: '/replicas', isNone: true, severity: 'critical' },
  // What somebody added changes nothing that the manifest says.
  { path: '/env/*', kind: 'extra', severity: 'info' },
  { path: '/labels/*', severity: 'info' },
  { path: '/**', severity: 'warning' },
];

export function severityOf(
  { pointer, kind, observed }: Pick<Change, 'pointer' | 'kind' | 'observed'>,
  own: DriftRules['severity'] = [],
): Severity {
  const chosen = own.find(({ path }) => matchesPointer(path, pointer));
  if (chosen !== undefined) return chosen.severity;
  const row = TABLE.find(
    (one) =>
      matchesPointer(one.path, pointer) &&
      (one.kind === undefined || one.kind === kind) &&
      (one.isNone === undefined || observed === 0),
  );
  return row?.severity ?? 'warning';
}
