-- What became of each policy's actions, and what follows from that: read to decide, so no projection.
create table action_results (
  action_id uuid primary key references requests,
  resource text not null,
  policy text not null,
  policy_revision bigint not null,
  outcome text not null,
  fixed_by int,
  rungs jsonb not null,
  since timestamptz not null,
  recorded_at timestamptz not null default clock_timestamp(),
  false_fix_at timestamptz
);
comment on column action_results.fixed_by is '0-based step that fixed it; null: none did';
comment on column action_results.since is 'when the condition became true';
comment on column action_results.false_fix_at is 'when the policy fired again, too soon for a fix that held';
create index action_results_policy on action_results (policy, recorded_at desc);
create index action_results_resource on action_results (resource, policy, recorded_at desc);

insert into action_results (action_id, resource, policy, policy_revision, outcome, fixed_by, rungs, since, recorded_at)
  select action_id, resource, policy, policy_revision, outcome,
         case when outcome = 'succeeded' then 0 end, '[]', since, coalesce(closed_at, created_at)
    from requests where state = 'closed' and policy is not null and outcome is not null;

create table demotions (
  policy text primary key,
  policy_revision bigint not null,
  reason text not null,
  demoted_at timestamptz not null default clock_timestamp(),
  promoted_at timestamptz,
  promoted_by text
);
comment on table demotions is 'policies whose fixes did not hold: their actions ask for approval until a person, or an edit, says otherwise';

create table verifications (
  action_id uuid not null references requests,
  step int not null,
  step_ended_at timestamptz not null,
  primary key (action_id, step)
);
comment on table verifications is 'what is judged is what came after: of a step on another host, after the first look';
