-- Whoever changed a manifest is told with what differs from it, also where nobody looked for a while.

alter table states add column changed jsonb not null default '{}';
comment on column states.changed is 'by JSON pointer of a fact, the revision that changed what is desired of it since this was compared';
