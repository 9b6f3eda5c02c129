-- Why what a source says now is not in force, for whoever asks the API or looks while gitops is down.

create table source_errors (
  source text not null,
  message text not null,
  problems jsonb not null,
  since timestamptz not null default now(),
  primary key (source)
);
comment on column source_errors.problems is 'the first of them, as `file:line:col: message`';
