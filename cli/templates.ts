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

export interface GroupDraft {
  name: string;
  namespace: string;
  members: string;
}

export interface ApproversDraft {
  name: string;
  namespace: string;
  members: readonly string[];
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
  # While one of these is down, nothing is done here: healing it would not help.
  # dependsOn: [db, other-namespace/cache]
`;
}

const LIMITS = `  limits:
    # Then somebody has to look; counted anew once it was quiet for a cooldown.
    attempts: 3
    # So many actions on one target within any hour.
    perHour: 4
    # How many of the targets may be acted on at once; or a share of them: 25%.
    maxConcurrent: 1
    # Start nothing that would leave more of the targets unhealthy than this; or a share of them: 40%.
    # maxUnhealthy: 2
    # A Group whose limits hold for this policy's actions: ./vigil init group NAME
    # group: web
`;

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
  # A ladder instead: each step only if the ones before it did not help.
  # steps: [{ action: restart }, { action: notify, params: { message: "look at it" }, after: 5m }]
  # After an action that helped, leave it alone for so long.
  cooldown: 1m
${LIMITS}  # It helped once the condition is clear for "stable", counted after "settle", inside "within".
  verify:
    settle: 2s
    stable: 10s
    within: 1m
  # Act only within these hours; outside of them it waits. Without it: at any time.
  # schedule:
  #   timezone: Europe/Paris
  #   active: ["Mon-Fri 08:00-20:00"]
  # Ask a person first: ./vigil approve ID. "of" names Approvers (./vigil init approvers NAME) or user:NAME.
  # approval:
  #   required: 1
  #   of: [operators]
  #   deadline: 15m
  #   onDeadline: expire
  # When its fixes do not hold, it asks for approval from then on; ignore: it goes on by itself.
  # onFalseFixes: ignore
  # Everything but the effect, to see what it would do:
  # mode: dry-run
`;
}

export function groupTemplate({ name, namespace, members }: GroupDraft): string {
  return `# A Group: resources that share limits. No more of them may be down at once than these say.
apiVersion: vigil.io/v1
kind: Group
metadata:
  name: ${scalar(name)}
  namespace: ${scalar(namespace)}
spec:
  # Which Services of the namespace; a resource may be in several groups, and then all of them must admit.
  members:
    name: ${scalar(members)}
    # labels: { tier: web }
  limits:
    # Start nothing that would leave more of them unhealthy (firing, acting or unknown) than this.
    # Or a share of the members that have a manifest, rounded down: 40%.
    maxUnhealthy: 1
    # Act only while so many are unhealthy, both ends included.
    # unhealthyRange: "[1-5]"
    # How many may be acted on at once, whatever policy asks.
    # maxConcurrent: 1
  # When so many begin to fail within so long, the cause is elsewhere: act on none of them.
  # storm:
  #   members: 10
  #   within: 1m
`;
}

export function maintenanceTemplate({ name, namespace, target }: PolicyDraft): string {
  return `# A MaintenanceWindow: a time in which nothing is done to its targets.
# They are watched all the same; what was held is decided anew when it ends.
apiVersion: vigil.io/v1
kind: MaintenanceWindow
metadata:
  name: ${scalar(name)}
  namespace: ${scalar(namespace)}
spec:
  target:
    name: ${scalar(target)}
    # labels: { tier: db }
  # Said by ./vigil why.
  reason: weekly maintenance
  # Every week; local times of the zone.
  recurring:
    timezone: UTC
    windows: ["Sun 02:00-04:00"]
  # Once, each time with its zone.
  # fixed: [{ from: 2027-03-28T22:00:00Z, to: 2027-03-29T02:00:00Z }]
`;
}

export function approversTemplate({ name, namespace, members }: ApproversDraft): string {
  return `# Approvers: people who may decide. A policy of the namespace names them: approval: { of: [${name}] }
apiVersion: vigil.io/v1
kind: Approvers
metadata:
  name: ${scalar(name)}
  namespace: ${scalar(namespace)}
spec:
  # As the audit names them, without "user:": by VIGIL_ACTOR, else by the login of who types.
  members: ${flow(members)}
`;
}

/** One YAML value in quotes, so that no name is ever taken for a number, a boolean or a tag. */
function scalar(text: string): string {
  return stringify(text, { defaultStringType: 'QUOTE_DOUBLE', lineWidth: 0 }).trimEnd();
}

function flow(words: readonly string[]): string {
  return `[${words.map(scalar).join(', ')}]`;
}
