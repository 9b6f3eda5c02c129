-- Written by `npm run generate` from the migrations; do not edit.

create sequence fencing_token;

create sequence outbox_change;

create sequence verdict_version;

CREATE OR REPLACE FUNCTION public.await_seal()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  insert into audit_unsealed (event_id) values (new.id);
  return null;
end $function$
;

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception '% rows are insert-only', tg_table_name using errcode = 'insufficient_privilege';
end $function$
;

CREATE OR REPLACE FUNCTION public.refuse_change_unless_covered()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if tg_op = 'DELETE' and tg_table_name = 'audit_seals' then
    if exists (select 1 from audit_checkpoints c
                where c.namespace = old.namespace and c.number >= old.number) then
      return old;
    end if;
  elsif tg_op = 'DELETE' then
    if not exists (select 1 from audit_seals s where s.event_id = old.id)
       and not exists (select 1 from audit_unsealed u where u.event_id = old.id) then
      return old;
    end if;
  end if;
  raise exception '% rows are insert-only', tg_table_name using errcode = 'insufficient_privilege';
end $function$
;

create table action_results (
  action_id uuid not null,
  resource text not null,
  policy text not null,
  policy_revision bigint not null,
  outcome text not null,
  fixed_by integer,
  rungs jsonb not null,
  since timestamp with time zone not null,
  recorded_at timestamp with time zone not null default clock_timestamp(),
  false_fix_at timestamp with time zone,
  constraint action_results_pkey PRIMARY KEY (action_id),
  constraint action_results_action_id_fkey FOREIGN KEY (action_id) REFERENCES requests(action_id)
);
CREATE INDEX action_results_policy ON public.action_results USING btree (policy, recorded_at DESC);
CREATE INDEX action_results_resource ON public.action_results USING btree (resource, policy, recorded_at DESC);
comment on column action_results.fixed_by is '0-based step that fixed it; null: none did';
comment on column action_results.since is 'when the condition became true';
comment on column action_results.false_fix_at is 'when the policy fired again, too soon for a fix that held';

create table actions (
  action_id uuid not null,
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
  approval_deadline timestamp with time zone,
  requested_at timestamp with time zone not null default now(),
  admitted_at timestamp with time zone,
  recorded_at timestamp with time zone,
  constraint actions_pkey PRIMARY KEY (action_id)
);
CREATE INDEX actions_asked ON public.actions USING btree (requested_at DESC, action_id) WHERE (approval_deadline IS NOT NULL);
CREATE INDEX actions_requested ON public.actions USING btree (requested_at DESC, action_id);
CREATE INDEX actions_resource ON public.actions USING btree (resource, requested_at DESC);
comment on table actions is 'a projection for people: never read to decide';

create table agents (
  host text not null,
  version text not null,
  last_seen_at timestamp with time zone not null default now(),
  constraint agents_pkey PRIMARY KEY (host)
);

create table approval_links_used (
  link text not null,
  action_id uuid not null,
  approver text not null,
  use text not null,
  used_at timestamp with time zone not null default clock_timestamp(),
  constraint approval_links_used_pkey PRIMARY KEY (link),
  constraint approval_links_used_action_id_fkey FOREIGN KEY (action_id) REFERENCES requests(action_id)
);
comment on table approval_links_used is 'written in the transaction of the decision: a link decides once';
comment on column approval_links_used.use is 'the sending that used it: a retried activity is the same use';

create table approvals (
  action_id uuid not null,
  approver text not null,
  decision text not null,
  comment text,
  door text not null,
  signed boolean not null,
  decided_at timestamp with time zone not null default now(),
  constraint approvals_pkey PRIMARY KEY (action_id, approver),
  constraint approvals_action_id_fkey FOREIGN KEY (action_id) REFERENCES requests(action_id),
  constraint approvals_decision_check CHECK ((decision = ANY (ARRAY['approve'::text, 'reject'::text, 'withdrawn'::text])))
);

create table audit_checkpoints (
  namespace text not null,
  number bigint not null,
  hash text not null,
  actor text not null,
  at timestamp with time zone not null default clock_timestamp(),
  constraint audit_checkpoints_pkey PRIMARY KEY (namespace, number)
);
CREATE TRIGGER audit_checkpoints_insert_only BEFORE DELETE OR UPDATE ON public.audit_checkpoints FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_checkpoints_no_truncate BEFORE TRUNCATE ON public.audit_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table audit_checkpoints is 'where a chain begins once the rows before were dropped: its first row follows this link';

create table audit_events (
  id bigint not null generated always as identity,
  namespace text not null,
  resource text,
  policy text,
  action_id uuid,
  step integer not null,
  event text not null,
  actor text not null,
  door text not null,
  correlation_id text,
  policy_revision bigint,
  details jsonb not null,
  at timestamp with time zone not null default clock_timestamp(),
  inputs_hash text,
  constraint audit_events_pkey PRIMARY KEY (id)
);
CREATE INDEX audit_events_action ON public.audit_events USING btree (action_id);
CREATE UNIQUE INDEX audit_events_key ON public.audit_events USING btree (action_id, step, event) WHERE ((action_id IS NOT NULL) AND (event <> ALL (ARRAY['approval_decided'::text, 'held'::text])));
CREATE INDEX audit_events_resource ON public.audit_events USING btree (resource, id);
CREATE TRIGGER audit_events_await_seal AFTER INSERT ON public.audit_events FOR EACH ROW EXECUTE FUNCTION await_seal();
CREATE TRIGGER audit_events_insert_only BEFORE DELETE OR UPDATE ON public.audit_events FOR EACH ROW EXECUTE FUNCTION refuse_change_unless_covered();
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON public.audit_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on column audit_events.inputs_hash is 'SHA-256 of what the decision was made on: the plan that an action is bound to';

create table audit_seals (
  seal bigint not null,
  event_id bigint not null,
  namespace text not null,
  number bigint not null,
  previous_hash text not null,
  hash text not null,
  sealed_at timestamp with time zone not null default now(),
  constraint audit_seals_pkey PRIMARY KEY (seal),
  constraint audit_seals_event_id_fkey FOREIGN KEY (event_id) REFERENCES audit_events(id),
  constraint audit_seals_event_id_key UNIQUE (event_id),
  constraint audit_seals_namespace_number_key UNIQUE (namespace, number)
);
CREATE TRIGGER audit_seals_insert_only BEFORE DELETE OR UPDATE ON public.audit_seals FOR EACH ROW EXECUTE FUNCTION refuse_change_unless_covered();
CREATE TRIGGER audit_seals_no_truncate BEFORE TRUNCATE ON public.audit_seals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on column audit_seals.seal is 'order of sealing over all namespaces: the event id of GET /api/v1/events';

create table audit_unsealed (
  event_id bigint not null,
  constraint audit_unsealed_pkey PRIMARY KEY (event_id),
  constraint audit_unsealed_event_id_fkey FOREIGN KEY (event_id) REFERENCES audit_events(id)
);

create table breakers (
  policy text not null,
  failures integer not null,
  successes integer not null,
  opened_at timestamp with time zone,
  constraint breakers_pkey PRIMARY KEY (policy)
);

create table control_plane (
  singleton boolean not null default true,
  api_started_at timestamp with time zone not null,
  degraded_reason text,
  updated_at timestamp with time zone not null default now(),
  constraint control_plane_pkey PRIMARY KEY (singleton),
  constraint control_plane_singleton_check CHECK (singleton)
);

create table definitions (
  kind text not null,
  key text not null,
  namespace text not null,
  document jsonb not null,
  constraint definitions_pkey PRIMARY KEY (kind, key),
  constraint definitions_kind_check CHECK ((kind = ANY (ARRAY['Group'::text, 'MaintenanceWindow'::text, 'Approvers'::text])))
);
comment on column definitions.document is 'compiled, as the decision code reads it';

create table deliveries (
  resource text not null,
  sent_version bigint not null,
  sent_at timestamp with time zone not null,
  handled_version bigint not null default 0,
  constraint deliveries_pkey PRIMARY KEY (resource)
);

create table demotions (
  policy text not null,
  policy_revision bigint not null,
  reason text not null,
  demoted_at timestamp with time zone not null default clock_timestamp(),
  promoted_at timestamp with time zone,
  promoted_by text,
  constraint demotions_pkey PRIMARY KEY (policy)
);
comment on table demotions is 'policies whose fixes did not hold: their actions ask for approval until a person, or an edit, says otherwise';

create table drift_events (
  id bigint not null generated always as identity,
  resource text not null,
  pointer text not null,
  kind text not null,
  desired jsonb,
  observed jsonb,
  revision bigint not null,
  onset timestamp with time zone not null,
  resolved_at timestamp with time zone,
  severity text,
  attribution jsonb,
  constraint drift_events_pkey PRIMARY KEY (id),
  constraint drift_events_kind_check CHECK ((kind = ANY (ARRAY['missing'::text, 'extra'::text, 'changed'::text, 'version'::text])))
);
CREATE UNIQUE INDEX drift_events_open ON public.drift_events USING btree (resource, pointer) WHERE (resolved_at IS NULL);
CREATE INDEX drift_events_resource ON public.drift_events USING btree (resource, onset);
comment on column drift_events.severity is 'null: written before it was kept';
comment on column drift_events.attribution is 'who or what made it so; null: nobody knows';

create table episodes (
  resource text not null,
  policy text not null,
  generation bigint not null,
  episode integer not null,
  attempts integer not null default 0,
  failures integer not null default 0,
  recorded_at timestamp with time zone,
  cooldown_until timestamp with time zone,
  backoff_until timestamp with time zone,
  held_gate text,
  held_detail text,
  held_until timestamp with time zone,
  held_since timestamp with time zone,
  constraint episodes_pkey PRIMARY KEY (resource, policy, generation)
);

create table fences (
  target text not null,
  token bigint not null,
  constraint fences_pkey PRIMARY KEY (target)
);

create table gate_holds (
  reason text not null,
  held bigint not null,
  constraint gate_holds_pkey PRIMARY KEY (reason)
);

create table group_members (
  group_id text not null,
  resource text not null,
  constraint group_members_pkey PRIMARY KEY (group_id, resource)
);
CREATE INDEX group_members_resource ON public.group_members USING btree (resource);
comment on column group_members.group_id is 'group:<key of a Group>, or policy:<key> for the targets of a policy with a limit over all of them';

create table journal (
  action_id uuid not null,
  step integer not null,
  target text not null,
  token bigint not null,
  snapshot jsonb not null,
  begun_at timestamp with time zone not null default now(),
  ended_at timestamp with time zone,
  result jsonb,
  constraint journal_pkey PRIMARY KEY (action_id, step)
);
CREATE INDEX journal_target ON public.journal USING btree (target, ended_at);

create table manifest_versions (
  kind text not null,
  namespace text not null,
  name text not null,
  revision bigint not null,
  source text not null,
  document jsonb,
  checksum text,
  file text,
  line integer,
  constraint manifest_versions_pkey PRIMARY KEY (kind, namespace, name, revision),
  constraint manifest_versions_revision_fkey FOREIGN KEY (revision) REFERENCES revisions(revision)
);
CREATE INDEX manifest_versions_source ON public.manifest_versions USING btree (source, revision);
comment on column manifest_versions.document is 'null: deleted by this revision';

create table manifests (
  kind text not null,
  namespace text not null,
  name text not null,
  source text not null,
  revision bigint not null,
  created_revision bigint not null,
  document jsonb not null,
  checksum text not null,
  file text,
  line integer,
  constraint manifests_pkey PRIMARY KEY (kind, namespace, name),
  constraint manifests_created_revision_fkey FOREIGN KEY (created_revision) REFERENCES revisions(revision),
  constraint manifests_revision_fkey FOREIGN KEY (revision) REFERENCES revisions(revision)
);

create table notice_channels (
  channel text not null,
  type text not null,
  seen_at timestamp with time zone not null default clock_timestamp(),
  constraint notice_channels_pkey PRIMARY KEY (channel)
);
comment on table notice_channels is 'what the workers are configured with, for people: never read to decide';

create table notice_deliveries (
  notice_id bigint not null,
  channel text not null,
  group_key text not null,
  state text not null default 'waiting'::text,
  due_at timestamp with time zone not null,
  repeat_ms bigint,
  attempts integer not null default 0,
  attempted_at timestamp with time zone,
  message uuid,
  leased_until timestamp with time zone,
  told_at timestamp with time zone,
  sent_at timestamp with time zone,
  maybe_told boolean not null default false,
  thread text,
  error text,
  constraint notice_deliveries_pkey PRIMARY KEY (notice_id, channel),
  constraint notice_deliveries_notice_id_fkey FOREIGN KEY (notice_id) REFERENCES notices(id) ON DELETE CASCADE,
  constraint notice_deliveries_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'sent'::text, 'given_up'::text, 'dropped'::text])))
);
CREATE INDEX notice_deliveries_attempted ON public.notice_deliveries USING btree (channel, attempted_at);
CREATE INDEX notice_deliveries_repeat ON public.notice_deliveries USING btree (sent_at) WHERE ((state = 'sent'::text) AND (repeat_ms IS NOT NULL));
CREATE INDEX notice_deliveries_waiting ON public.notice_deliveries USING btree (channel, due_at) WHERE (state = 'waiting'::text);
comment on column notice_deliveries.state is 'dropped: its incident ended before it was told';
comment on column notice_deliveries.message is 'the latest try it was part of; several deliveries may share one';
comment on column notice_deliveries.told_at is 'when it was told first; sent_at: last';
comment on column notice_deliveries.maybe_told is 'a try ended without an answer: the receiver may have taken it';
comment on column notice_deliveries.thread is 'what the channel calls the conversation, so that later words join it';

create table notices (
  id bigint not null generated always as identity,
  kind text not null,
  key text not null,
  namespace text not null,
  resource text,
  policy text,
  action_id uuid,
  severity text not null,
  title text not null,
  text text not null,
  resolved boolean not null default false,
  channel text,
  once text,
  state text not null default 'new'::text,
  opening bigint,
  closed_at timestamp with time zone,
  created_at timestamp with time zone not null default clock_timestamp(),
  constraint notices_pkey PRIMARY KEY (id),
  constraint notices_opening_fkey FOREIGN KEY (opening) REFERENCES notices(id) ON DELETE CASCADE,
  constraint notices_state_check CHECK ((state = ANY (ARRAY['new'::text, 'open'::text, 'closed'::text, 'repeat'::text, 'end'::text])))
);
CREATE INDEX notices_action ON public.notices USING btree (action_id) WHERE (action_id IS NOT NULL);
CREATE INDEX notices_created ON public.notices USING btree (created_at);
CREATE INDEX notices_new ON public.notices USING btree (id) WHERE (state = 'new'::text);
CREATE UNIQUE INDEX notices_once ON public.notices USING btree (once) WHERE (once IS NOT NULL);
CREATE UNIQUE INDEX notices_open ON public.notices USING btree (key) WHERE (state = 'open'::text);
CREATE INDEX notices_opening ON public.notices USING btree (opening) WHERE (opening IS NOT NULL);
comment on column notices.key is 'notices of one key are one incident; a resolved one ends it';
comment on column notices.channel is 'the one channel that tells it; null: by the routes';
comment on column notices.once is 'what a writer that is tried again writes once';
comment on column notices.state is 'new: not routed; open, closed: began an incident, which stands or has ended; repeat: told already; end: ended one';
comment on column notices.opening is 'of a repeat or an end: the notice that began its incident';

create table outbox (
  workflow_id text not null,
  kind text not null,
  action text not null default ''::text,
  change bigint not null default nextval('outbox_change'::regclass),
  payload jsonb not null,
  starts boolean not null,
  priority smallint not null,
  correlation_id text,
  attempts integer not null default 0,
  next_attempt_at timestamp with time zone not null default now(),
  created_at timestamp with time zone not null default now(),
  constraint outbox_pkey PRIMARY KEY (workflow_id, kind, action)
);
CREATE INDEX outbox_due ON public.outbox USING btree (priority, next_attempt_at);
comment on column outbox.change is 'a row that was overwritten while being sent is sent again';
comment on column outbox.starts is 'signalWithStart; else signal only, and a workflow that is not running is no error';

create table overrides (
  resource text not null,
  pointer text not null,
  value jsonb not null,
  desired jsonb,
  policy text,
  action_id uuid not null,
  previous jsonb,
  created_at timestamp with time zone not null default now(),
  until timestamp with time zone,
  constraint overrides_pkey PRIMARY KEY (resource, pointer)
);
CREATE INDEX overrides_action ON public.overrides USING btree (action_id);
comment on column overrides.desired is 'what the manifest said then: once it says something else, the override has ended';
comment on column overrides.previous is 'the override that it took the place of, for when its own action is undone';

create table pauses (
  scope text not null,
  reason text not null,
  actor text not null,
  paused_at timestamp with time zone not null default now(),
  until timestamp with time zone,
  constraint pauses_pkey PRIMARY KEY (scope)
);
comment on column pauses.scope is '* for everything, else a resource or a Service (namespace/name)';

create table policies (
  policy text not null,
  namespace text not null,
  name text not null,
  document jsonb not null,
  implied_by text,
  revision bigint not null,
  created_revision bigint not null,
  deleted_at timestamp with time zone,
  constraint policies_pkey PRIMARY KEY (policy),
  constraint policies_created_revision_fkey FOREIGN KEY (created_revision) REFERENCES revisions(revision),
  constraint policies_revision_fkey FOREIGN KEY (revision) REFERENCES revisions(revision)
);

create table policy_revisions (
  policy text not null,
  revision bigint not null,
  document jsonb not null,
  constraint policy_revisions_pkey PRIMARY KEY (policy, revision),
  constraint policy_revisions_revision_fkey FOREIGN KEY (revision) REFERENCES revisions(revision)
);

create table requests (
  action_id uuid not null,
  resource text not null,
  policy text,
  generation bigint not null,
  episode integer not null,
  attempt integer not null,
  target text not null,
  severity text not null,
  since timestamp with time zone not null,
  max_concurrent integer,
  policy_revision bigint not null,
  plan jsonb not null,
  state text not null,
  waiter text not null,
  forced boolean not null default false,
  outcome text,
  created_at timestamp with time zone not null default now(),
  closed_at timestamp with time zone,
  escalated_at timestamp with time zone,
  deadline_approved_at timestamp with time zone,
  decision_turn integer not null default 0,
  begun_at timestamp with time zone,
  held_gate text,
  held_detail text,
  held_until timestamp with time zone,
  held_since timestamp with time zone,
  constraint requests_pkey PRIMARY KEY (action_id),
  constraint requests_state_check CHECK ((state = ANY (ARRAY['awaiting_approval'::text, 'open'::text, 'granted'::text, 'closed'::text])))
);
CREATE INDEX requests_begun ON public.requests USING btree (resource, policy, begun_at) WHERE (begun_at IS NOT NULL);
CREATE UNIQUE INDEX requests_key ON public.requests USING btree (policy, resource, generation, episode, attempt) WHERE (policy IS NOT NULL);
CREATE INDEX requests_waiting ON public.requests USING btree (state) WHERE (state = ANY (ARRAY['awaiting_approval'::text, 'open'::text, 'granted'::text]));
comment on column requests.waiter is 'id of the workflow that hears slotGranted';
comment on column requests.escalated_at is 'since then the second list may decide as well';
comment on column requests.deadline_approved_at is 'the deadline let it run: it needs no yes';
comment on column requests.decision_turn is 'counts decisions, so that answers that overtake each other are told apart';
comment on column requests.begun_at is 'when its first step began; null: it had no effect';

create table resources (
  resource text not null,
  namespace text not null,
  name text not null,
  service text not null,
  host text,
  labels jsonb not null,
  spec jsonb not null,
  revision bigint not null,
  created_revision bigint not null,
  deleted_at timestamp with time zone,
  constraint resources_pkey PRIMARY KEY (resource),
  constraint resources_created_revision_fkey FOREIGN KEY (created_revision) REFERENCES revisions(revision),
  constraint resources_revision_fkey FOREIGN KEY (revision) REFERENCES revisions(revision)
);
CREATE INDEX resources_service ON public.resources USING btree (namespace, service);
comment on column resources.created_revision is 'revision that made it since its last deletion: the generation';

create table revisions (
  revision bigint not null generated always as identity,
  source text not null,
  checksum text not null,
  author text not null,
  correlation_id text,
  created_at timestamp with time zone not null default now(),
  commit_id text,
  ref text,
  message text,
  authored_at timestamp with time zone,
  signed_by text,
  rolled_back_to bigint,
  reason text,
  constraint revisions_pkey PRIMARY KEY (revision),
  constraint revisions_rolled_back_to_fkey FOREIGN KEY (rolled_back_to) REFERENCES revisions(revision)
);
CREATE INDEX revisions_source ON public.revisions USING btree (source, revision);
comment on column revisions.author is 'who wrote it: of a commit its author, else who applied it';
comment on column revisions.rolled_back_to is 'the revision whose objects it brought back; null: it is no rollback';

create table samples (
  series_id integer not null,
  lag smallint not null,
  ts timestamp with time zone not null,
  value double precision not null
) partition by RANGE (ts);
CREATE INDEX samples_series_ts ON ONLY public.samples USING btree (series_id, ts);
comment on column samples.lag is 'seconds between timestamp and receipt';

create table schema_migrations (
  name text not null,
  applied_at timestamp with time zone not null default now(),
  constraint schema_migrations_pkey PRIMARY KEY (name)
);

create table series (
  series_id integer not null generated always as identity,
  key text not null,
  name text not null,
  tags jsonb not null,
  source text not null,
  owner text,
  member text,
  constraint series_pkey PRIMARY KEY (series_id),
  constraint series_key_key UNIQUE (key)
);
CREATE INDEX series_member ON public.series USING btree (member, name);
CREATE INDEX series_name ON public.series USING btree (name);
CREATE INDEX series_owner ON public.series USING btree (owner, name);
comment on column series.key is 'canonical name, tags and source';

create table slots (
  action_id uuid not null,
  target text not null,
  policy text,
  token bigint not null default nextval('fencing_token'::regclass),
  granted_at timestamp with time zone not null default now(),
  begun_step integer,
  begun_at timestamp with time zone,
  constraint slots_pkey PRIMARY KEY (action_id),
  constraint slots_action_id_fkey FOREIGN KEY (action_id) REFERENCES requests(action_id),
  constraint slots_target_key UNIQUE (target)
);

create table source_errors (
  source text not null,
  message text not null,
  problems jsonb not null,
  since timestamp with time zone not null default now(),
  constraint source_errors_pkey PRIMARY KEY (source)
);
comment on column source_errors.problems is 'the first of them, as `file:line:col: message`';

create table sources (
  source text not null,
  seen_checksum text not null,
  checked_revision bigint,
  objects integer not null default 0,
  held_checksum text,
  held_since timestamp with time zone,
  held_removals jsonb,
  held_of integer,
  allowed_checksum text,
  pinned_revision bigint,
  pinned_against text,
  pinned_by text,
  pinned_reason text,
  pinned_at timestamp with time zone,
  constraint sources_pkey PRIMARY KEY (source),
  constraint sources_pinned_revision_fkey FOREIGN KEY (pinned_revision) REFERENCES revisions(revision)
);
comment on column sources.seen_checksum is 'of all objects that the source wanted when it was last looked at';
comment on column sources.checked_revision is 'newest revision of all sources when those objects were last found to be in force; null: they are not';
comment on column sources.held_checksum is 'what is not applied because it would remove too much; null: nothing is held';
comment on column sources.allowed_checksum is 'what a person let through';
comment on column sources.pinned_against is 'what the source wanted when it was pinned: as long as it wants the same, the pin holds';

create table states (
  resource text not null,
  observed jsonb not null,
  changes jsonb not null,
  observer text not null,
  observed_at timestamp with time zone not null,
  changed jsonb not null default '{}'::jsonb,
  constraint states_pkey PRIMARY KEY (resource)
);
comment on column states.changed is 'by JSON pointer of a fact, the revision that changed what is desired of it since this was compared';

create table storms (
  group_key text not null,
  opened_at timestamp with time zone not null default clock_timestamp(),
  constraint storms_pkey PRIMARY KEY (group_key)
);

create table verdicts (
  resource text not null,
  policy text not null,
  verdict text not null,
  value double precision,
  evidence jsonb not null,
  since timestamp with time zone not null,
  cleared_at timestamp with time zone,
  severity text not null,
  policy_revision bigint not null,
  condition_hash text not null,
  version bigint not null,
  updated_at timestamp with time zone not null default now(),
  edges timestamp with time zone[] not null default '{}'::timestamp with time zone[],
  constraint verdicts_pkey PRIMARY KEY (resource, policy),
  constraint verdicts_verdict_check CHECK ((verdict = ANY (ARRAY['true'::text, 'false'::text, 'unknown'::text])))
);
comment on column verdicts.cleared_at is 'when it last stopped being true';
comment on column verdicts.edges is 'when it last changed to or from true, oldest first; as many as flapping counts';

create table verifications (
  action_id uuid not null,
  step integer not null,
  step_ended_at timestamp with time zone not null,
  constraint verifications_pkey PRIMARY KEY (action_id, step),
  constraint verifications_action_id_fkey FOREIGN KEY (action_id) REFERENCES requests(action_id)
);
comment on table verifications is 'what is judged is what came after: of a step on another host, after the first look';

create view metrics as
 SELECT s.name,
    m.value,
    s.tags,
    m.ts AS "timestamp",
    s.source
   FROM samples m
     JOIN series s USING (series_id);
