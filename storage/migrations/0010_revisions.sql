-- Where a revision comes from, what waits for a person, and what is pinned.

alter table revisions
  add column commit_id text,
  add column ref text,
  add column message text,
  add column authored_at timestamptz,
  add column signed_by text,
  add column rolled_back_to bigint references revisions,
  add column reason text;
comment on column revisions.author is 'who wrote it: of a commit its author, else who applied it';
comment on column revisions.rolled_back_to is 'the revision whose objects it brought back; null: it is no rollback';

create table sources (
  source text primary key,
  seen_checksum text not null,
  checked_revision bigint,
  objects int not null default 0,
  held_checksum text,
  held_since timestamptz,
  held_removals jsonb,
  held_of int,
  allowed_checksum text,
  pinned_revision bigint references revisions,
  pinned_against text,
  pinned_by text,
  pinned_reason text,
  pinned_at timestamptz
);
comment on column sources.seen_checksum is 'of all objects that the source wanted when it was last looked at';
comment on column sources.checked_revision is 'newest revision of all sources when those objects were last found to be in force; null: they are not';
comment on column sources.held_checksum is 'what is not applied because it would remove too much; null: nothing is held';
comment on column sources.allowed_checksum is 'what a person let through';
comment on column sources.pinned_against is 'what the source wanted when it was pinned: as long as it wants the same, the pin holds';

create index manifest_versions_source on manifest_versions (source, revision);
create index revisions_source on revisions (source, revision);
