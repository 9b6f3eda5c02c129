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
  channel text,
  once text,
  state text not null default 'new' check (state in ('new', 'open', 'closed', 'repeat', 'end')),
  opening bigint references notices on delete cascade,
  closed_at timestamptz,
  created_at timestamptz not null default clock_timestamp()
);
comment on column notices.key is 'notices of one key are one incident; a resolved one ends it';
comment on column notices.channel is 'the one channel that tells it; null: by the routes';
comment on column notices.once is 'what a writer that is tried again writes once';
comment on column notices.state is 'new: not routed; open, closed: began an incident, which stands or has ended; repeat: told already; end: ended one';
comment on column notices.opening is 'of a repeat or an end: the notice that began its incident';
create unique index notices_once on notices (once) where once is not null;
create unique index notices_open on notices (key) where state = 'open';
create index notices_new on notices (id) where state = 'new';
create index notices_opening on notices (opening) where opening is not null;
create index notices_created on notices (created_at);

-- One row for each channel that is to tell a notice.
create table notice_deliveries (
  notice_id bigint not null references notices on delete cascade,
  channel text not null,
  group_key text not null,
  state text not null default 'waiting' check (state in ('waiting', 'sent', 'given_up', 'dropped')),
  due_at timestamptz not null,
  repeat_ms bigint,
  attempts int not null default 0,
  attempted_at timestamptz,
  message uuid,
  leased_until timestamptz,
  told_at timestamptz,
  sent_at timestamptz,
  thread text,
  error text,
  primary key (notice_id, channel)
);
comment on column notice_deliveries.state is 'dropped: its incident ended before it was told';
comment on column notice_deliveries.message is 'the latest try it was part of; several deliveries may share one';
comment on column notice_deliveries.told_at is 'when it was told first; sent_at: last';
comment on column notice_deliveries.thread is 'what the channel calls the conversation, so that later words join it';
create index notice_deliveries_waiting on notice_deliveries (channel, due_at) where state = 'waiting';
create index notice_deliveries_attempted on notice_deliveries (channel, attempted_at);
create index notice_deliveries_repeat on notice_deliveries (sent_at) where state = 'sent' and repeat_ms is not null;

create table notice_channels (
  channel text primary key,
  type text not null,
  seen_at timestamptz not null default clock_timestamp()
);
comment on table notice_channels is 'what the workers are configured with, for people: never read to decide';
