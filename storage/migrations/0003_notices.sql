-- What people are to be told, written in the transaction that causes it; channels work it off.
create table notices (
  id bigint generated always as identity primary key,
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
  created_at timestamptz not null default clock_timestamp()
);
comment on column notices.key is 'notices of one key are one incident; a resolved one ends it';
