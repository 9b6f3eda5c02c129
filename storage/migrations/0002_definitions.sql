-- Groups, maintenance windows and approvers: manifests that are neither resources nor policies.
create table definitions (
  kind text not null check (kind in ('Group', 'MaintenanceWindow', 'Approvers')),
  key text not null,
  namespace text not null,
  document jsonb not null,
  primary key (kind, key)
);
comment on column definitions.document is 'compiled, as the decision code reads it';
