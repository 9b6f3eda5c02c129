import { stringify } from 'yaml';

/** What `vigil init` writes: manifests that pass `vigil check` as they are, with the reasons beside them. */

export interface ServiceDraft {
  name: string;
  namespace: string;
  command: readonly string[];
  port: string;
}

export interface PolicyDraft {
  name: string;
  namespace: string;
  target: string;
}

export function serviceTemplate({ name, namespace, command, port }: ServiceDraft): string {
  return `# A Service: what runs, and how to tell that it is well. Vigil starts it, and goes on caring for it.
apiVersion: vigil.io/v1
kind: Service
metadata:
  name: ${scalar(name)}
  namespace: ${scalar(namespace)}
spec:
  runtime:
    type: process
    # The program and its arguments, one by one: no shell reads this.
    command: ${flow(command)}
    # Further variables; a secret is named, never written: file:/path, env:NAME or exec:COMMAND.
    env:
      PORT: ${scalar(port)}
    # true: npm start ends it, too, when it ends. false: it goes on running.
    stopWithVigil: true
  # Fetched from this machine; anything but 2xx, or no answer in time, is http_up = 0.
  healthCheck:
    endpoint: ${scalar(`http://127.0.0.1:${port}/health`)}
    interval: 1s
    timeout: 800ms
  # detect: report what differs from this file. heal: put it right as well.
  sync:
    mode: detect
`;
}

export function policyTemplate({ name, namespace, target }: PolicyDraft): string {
  return `# A Policy: when its condition holds for long enough on its targets, run its action, within limits.
apiVersion: vigil.io/v1
kind: Policy
metadata:
  name: ${scalar(name)}
  namespace: ${scalar(namespace)}
spec:
  # Which Services of the namespace; a pattern such as "web-*" is fine, "*" means all of them.
  target:
    kind: Service
    name: ${scalar(target)}
  # Others: avg_over_time(process_cpu_usage[5m]) > 80% for 5m, process_memory_bytes increasing for 30m.
  # ./vigil policy explain '<condition>' says how Vigil reads one; docs/policy-language.md has all of it.
  condition: http_up == 0 for 3 attempts
  # Once it holds it goes on holding until this does; without it: until the condition does not.
  # clear: http_up == 1 for 5s
  # What no data means: hold (unknown, nothing is done), healthy, or firing.
  # missing: hold
  # How long it goes on holding after it was last true.
  # keepFiringFor: 30s
  # promql: a condition taken from Prometheus, word by word.
  # language: promql
  severity: critical
  # Graded: the first that holds says how severe it is.
  # severity: [{ severity: critical, condition: http_up == 0 for 5m }, { severity: warning }]
  action: restart
  # After an action that helped, leave it alone for so long.
  cooldown: 1m
  limits:
    # Then somebody has to look; counted anew once it was quiet for a cooldown.
    attempts: 3
    # How many of the targets may be acted on at once; or a share of them: 25%.
    maxConcurrent: 1
  # It helped once the condition is clear for "stable", counted after "settle", inside "within".
  verify:
    settle: 2s
    stable: 10s
    within: 1m
  # Act only within these hours; outside of them it waits. Without it: at any time.
  # schedule:
  #   timezone: Europe/Paris
  #   active: ["Mon-Fri 08:00-20:00"]
  # Ask a person first: ./vigil approve ID
  # approval:
  #   required: 1
  #   deadline: 15m
  #   onDeadline: expire
  # Everything but the effect, to see what it would do:
  # mode: dry-run
`;
}

/** One YAML value in quotes, so that no name is ever taken for a number, a boolean or a tag. */
function scalar(text: string): string {
  return stringify(text, { defaultStringType: 'QUOTE_DOUBLE', lineWidth: 0 }).trimEnd();
}

function flow(words: readonly string[]): string {
  return `[${words.map(scalar).join(', ')}]`;
}
