-- Escalation, withdrawal of a yes, and links that decide once.
alter table requests
  add column escalated_at timestamptz,
  add column deadline_approved_at timestamptz,
  add column decision_turn integer not null default 0;
comment on column requests.escalated_at is 'since then the second list may decide as well';
comment on column requests.deadline_approved_at is 'the deadline let it run: it needs no yes';
comment on column requests.decision_turn is 'counts decisions, so that answers that overtake each other are told apart';

alter table approvals drop constraint approvals_decision_check;
alter table approvals add constraint approvals_decision_check
  check (decision in ('approve', 'reject', 'withdrawn'));

create table approval_links_used (
  link text primary key,
  action_id uuid not null references requests,
  approver text not null,
  use text not null,
  used_at timestamptz not null default clock_timestamp()
);
comment on table approval_links_used is 'written in the transaction of the decision: a link decides once';
comment on column approval_links_used.use is 'the sending that used it: a retried activity is the same use';

create index actions_asked on actions (requested_at desc, action_id) where approval_deadline is not null;
create index notices_action on notices (action_id) where action_id is not null;
