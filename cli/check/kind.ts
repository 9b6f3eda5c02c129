import { readDocuments } from '../../language/manifest/source';
import { CONFIG_SECTIONS } from '../../platform/config-loader';

export type FileKind = 'manifest' | 'configuration' | 'neither';

const MANIFEST_KEYS = ['apiVersion', 'kind', 'metadata', 'spec', 'policies'];

/** What a file is by its content. One that is empty, or no YAML, is told as a manifest. */
export function kindOf(text: string, file: string): FileKind {
  const { documents, problems } = readDocuments(text, file);
  if (problems.length > 0) return 'manifest';
  const filled = documents.map(({ data }) => data).filter((data) => data !== null);
  const [first] = filled;
  if (first === undefined) return 'manifest';
  const keys = typeof first === 'object' && !Array.isArray(first) ? Object.keys(first) : [];
  if (keys.some((key) => MANIFEST_KEYS.includes(key))) return 'manifest';
  const isConfiguration = filled.length === 1 && keys.some((key) => CONFIG_SECTIONS.includes(key));
  return isConfiguration ? 'configuration' : 'neither';
}

/** What a file that is neither is told. */
export const NEITHER = `is neither a manifest (apiVersion, kind, metadata, spec) nor a configuration (${CONFIG_SECTIONS.join(', ')})`;
