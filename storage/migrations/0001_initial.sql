-- Names follow the glossary of docs/glossary.md. Times are timestamptz; `resource` and `policy` are `namespace/name`.

-- Desired state -------------------------------------------------------------------------------

create table revisions (
  revision bigint generated always as identity primary key,
  source text not null,
  checksum text not null,
  author text not null,
  correlation_id text,
  created_at timestamptz not null default now()
);

create table manifests (
  kind text not null,
  namespace text not null,
  name text not null,
  source text not null,
  revision bigint not null references revisions,
  created_revision bigint not null references revisions,
  document jsonb not null,
  checksum text not null,
  file text,
  line int,
  primary key (kind, namespace, name)
);

create table manifest_versions (
  kind text not null,
  namespace text not null,
  name text not null,
  revision bigint not null references revisions,
  source text not null,
  document jsonb,
  checksum text,
  file text,
  line int,
  primary key (kind, namespace, name, revision)
);
comment on column manifest_versions.document is 'null: deleted by this revision';

create table resources (
  resource text primary key,
  namespace text not null,
  name text not null,
  service text not null,
  host text,
  labels jsonb not null,
  spec jsonb not null,
  revision bigint not null references revisions,
  created_revision bigint not null references revisions,
  deleted_at timestamptz
);
comment on column resources.created_revision is 'revision that made it since its last deletion: the generation';

create table policies (
  policy text primary key,
  namespace text not null,
  name text not null,
  document jsonb not null,
  implied_by text,
  revision bigint not null references revisions,
  created_revision bigint not null references revisions,
  deleted_at timestamptz
);

create table policy_revisions (
  policy text not null,
  revision bigint not null references revisions,
  document jsonb not null,
  primary key (policy, revision)
);

-- Samples -------------------------------------------------------------------------------------

create table series (
  series_id int generated always as identity primary key,
  key text not null unique,
  name text not null,
  tags jsonb not null,
  source text not null,
  owner text,
  member text
);
comment on column series.key is 'canonical name, tags and source';
create index series_owner on series (owner, name);
create index series_member on series (member, name);
create index series_name on series (name);

create table samples (
  series_id int not null,
  lag smallint not null,
  ts timestamptz not null,
  value float8 not null
) partition by range (ts);
comment on column samples.lag is 'seconds between timestamp and receipt';
create index samples_series_ts on samples (series_id, ts);

create view metrics as
  select s.name, m.value, s.tags, m.ts as "timestamp", s.source
  from samples m join series s using (series_id);

-- Observed state and drift --------------------------------------------------------------------

create table states (
  resource text primary key,
  observed jsonb not null,
  changes jsonb not null,
  observer text not null,
  observed_at timestamptz not null
);

create table drift_events (
  id bigint generated always as identity primary key,
  resource text not null,
  pointer text not null,
  kind text not null check (kind in ('missing', 'extra', 'changed', 'version')),
  desired jsonb,
  observed jsonb,
  revision bigint not null,
  onset timestamptz not null,
  resolved_at timestamptz
);
create unique index drift_events_open on drift_events (resource, pointer) where resolved_at is null;
create index drift_events_resource on drift_events (resource, onset);

-- Verdicts and their way to Temporal ----------------------------------------------------------

create sequence verdict_version;

create table verdicts (
  resource text not null,
  policy text not null,
  verdict text not null check (verdict in ('true', 'false', 'unknown')),
  value float8,
  evidence jsonb not null,
  since timestamptz not null,
  cleared_at timestamptz,
  severity text not null,
  policy_revision bigint not null,
  condition_hash text not null,
  version bigint not null,
  updated_at timestamptz not null default now(),
  primary key (resource, policy)
);
comment on column verdicts.cleared_at is 'when it last stopped being true';

create table deliveries (
  resource text primary key,
  sent_version bigint not null,
  sent_at timestamptz not null,
  handled_version bigint not null default 0
);

create sequence outbox_change;

create table outbox (
  workflow_id text not null,
  kind text not null,
  action text not null default '',
  change bigint not null default nextval('outbox_change'),
  payload jsonb not null,
  starts boolean not null,
  priority smallint not null,
  correlation_id text,
  attempts int not null default 0,
  next_attempt_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  primary key (workflow_id, kind, action)
);
comment on column outbox.change is 'a row that was overwritten while being sent is sent again';
comment on column outbox.starts is 'signalWithStart; else signal only, and a workflow that is not running is no error';
create index outbox_due on outbox (priority, next_attempt_at);

create table control_plane (
  singleton boolean primary key default true check (singleton),
  api_started_at timestamptz not null,
  degraded_reason text,
  updated_at timestamptz not null default now()
);

-- Actions -------------------------------------------------------------------------------------

create table episodes (
  resource text not null,
  policy text not null,
  generation bigint not null,
  episode int not null,
  attempts int not null default 0,
  failures int not null default 0,
  recorded_at timestamptz,
  cooldown_until timestamptz,
  backoff_until timestamptz,
  held_gate text,
  held_detail text,
  held_until timestamptz,
  held_since timestamptz,
  primary key (resource, policy, generation)
);

create table requests (
  action_id uuid primary key,
  resource text not null,
  policy text,
  generation bigint not null,
  episode int not null,
  attempt int not null,
  target text not null,
  severity text not null,
  since timestamptz not null,
  max_concurrent int,
  policy_revision bigint not null,
  plan jsonb not null,
  state text not null check (state in ('awaiting_approval', 'open', 'granted', 'closed')),
  waiter text not null,
  forced boolean not null default false,
  outcome text,
  created_at timestamptz not null default now(),
  closed_at timestamptz
);
comment on column requests.waiter is 'id of the workflow that hears slotGranted';
create unique index requests_key on requests (policy, resource, generation, episode, attempt) where policy is not null;
create index requests_waiting on requests (state) where state in ('awaiting_approval', 'open', 'granted');

create sequence fencing_token;

create table slots (
  action_id uuid primary key references requests,
  target text not null unique,
  policy text,
  token bigint not null default nextval('fencing_token'),
  granted_at timestamptz not null default now(),
  begun_step int,
  begun_at timestamptz
);

create table approvals (
  action_id uuid not null references requests,
  approver text not null,
  decision text not null check (decision in ('approve', 'reject')),
  comment text,
  door text not null,
  signed boolean not null,
  decided_at timestamptz not null default now(),
  primary key (action_id, approver)
);

create table pauses (
  scope text primary key,
  reason text not null,
  actor text not null,
  paused_at timestamptz not null default now(),
  until timestamptz
);
comment on column pauses.scope is '* for everything, else a resource or a Service (namespace/name)';

create table fences (
  target text primary key,
  token bigint not null
);

create table journal (
  action_id uuid not null,
  step int not null,
  target text not null,
  token bigint not null,
  snapshot jsonb not null,
  begun_at timestamptz not null default now(),
  ended_at timestamptz,
  result jsonb,
  primary key (action_id, step)
);

create table actions (
  action_id uuid primary key,
  resource text not null,
  policy text,
  policy_revision bigint not null,
  severity text not null,
  steps jsonb not null,
  state text not null,
  outcome text,
  outcome_reason text,
  dry_run boolean not null,
  requested_by text not null,
  reason text not null,
  correlation_id text,
  approval_deadline timestamptz,
  requested_at timestamptz not null default now(),
  admitted_at timestamptz,
  recorded_at timestamptz
);
comment on table actions is 'a projection for people: never read to decide';
create index actions_requested on actions (requested_at desc, action_id);
create index actions_resource on actions (resource, requested_at desc);

-- Audit ---------------------------------------------------------------------------------------

create table audit_events (
  id bigint generated always as identity primary key,
  namespace text not null,
  resource text,
  policy text,
  action_id uuid,
  step int not null,
  event text not null,
  actor text not null,
  door text not null,
  correlation_id text,
  policy_revision bigint,
  details jsonb not null,
  at timestamptz not null default clock_timestamp()
);
create unique index audit_events_key on audit_events (action_id, step, event) where action_id is not null
  and event not in ('approval_decided', 'held');
create index audit_events_resource on audit_events (resource, id);
create index audit_events_action on audit_events (action_id);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% rows are insert-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger audit_events_insert_only before update or delete on audit_events
  for each row execute function refuse_change();
create trigger audit_events_no_truncate before truncate on audit_events
  for each statement execute function refuse_change();

-- Ids become visible out of order, so the sealer takes its work from here: no late row is skipped.
create table audit_unsealed (
  event_id bigint primary key references audit_events
);
create function await_seal() returns trigger language plpgsql as $$
begin
  insert into audit_unsealed (event_id) values (new.id);
  return null;
end $$;
create trigger audit_events_await_seal after insert on audit_events
  for each row execute function await_seal();

create table audit_seals (
  seal bigint primary key,
  event_id bigint not null unique references audit_events,
  namespace text not null,
  number bigint not null,
  previous_hash text not null,
  hash text not null,
  sealed_at timestamptz not null default now(),
  unique (namespace, number)
);
comment on column audit_seals.seal is 'order of sealing over all namespaces: the event id of GET /api/v1/events';
create trigger audit_seals_insert_only before update or delete on audit_seals
  for each row execute function refuse_change();
create trigger audit_seals_no_truncate before truncate on audit_seals
  for each statement execute function refuse_change();

-- Hosts ---------------------------------------------------------------------------------------

create table agents (
  host text primary key,
  version text not null,
  last_seen_at timestamptz not null default now()
);
