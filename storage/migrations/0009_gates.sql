-- What the gates beyond one resource look at.

create table group_members (
  group_id text not null,
  resource text not null,
  primary key (group_id, resource)
);
comment on column group_members.group_id is 'group:<key of a Group>, or policy:<key> for the targets of a policy with a limit over all of them';
create index group_members_resource on group_members (resource);

create table breakers (
  policy text primary key,
  failures int not null,
  successes int not null,
  opened_at timestamptz
);

create table storms (
  group_key text primary key,
  opened_at timestamptz not null default clock_timestamp()
);

-- How often each gate began to hold something: what vigil_actions_held_total tells.
create table gate_holds (
  reason text primary key,
  held bigint not null
);

alter table verdicts add column edges timestamptz[] not null default '{}';
comment on column verdicts.edges is 'when it last changed to or from true, oldest first; as many as flapping counts';

alter table requests
  add column begun_at timestamptz,
  add column held_gate text,
  add column held_detail text,
  add column held_until timestamptz,
  add column held_since timestamptz;
comment on column requests.begun_at is 'when its first step began; null: it had no effect';
-- Actions that had begun when the column came.
update requests r set begun_at = s.begun_at from slots s where s.action_id = r.action_id;

create index resources_service on resources (namespace, service);
create index requests_begun on requests (resource, policy, begun_at) where begun_at is not null;
