import type { ApiDeps } from './deps';

/** Address of a workflow's page in Temporal's Web UI; null where no Web UI is configured. */
export function workflowUrl(
  { config, temporal }: Pick<ApiDeps, 'config' | 'temporal'>,
  workflowId: string,
): string | null {
  if (config.uiUrl === undefined) return null;
  const namespace = encodeURIComponent(temporal.options.namespace);
  const id = encodeURIComponent(workflowId);
  return `${config.uiUrl.replace(/\/+$/, '')}/namespaces/${namespace}/workflows/${id}`;
}
