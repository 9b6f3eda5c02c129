-- What an action of Vigil's own set instead of the manifest's value.

create table overrides (
  resource text not null,
  pointer text not null,
  value jsonb not null,
  desired jsonb,
  policy text,
  action_id uuid not null,
  previous jsonb,
  created_at timestamptz not null default now(),
  until timestamptz,
  primary key (resource, pointer)
);
comment on column overrides.desired is 'what the manifest said then: once it says something else, the override has ended';
comment on column overrides.previous is 'the override that it took the place of, for when its own action is undone';
create index overrides_action on overrides (action_id);
