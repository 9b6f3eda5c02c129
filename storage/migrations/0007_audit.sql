-- What a decision was made on, and the way in which old rows may leave.

alter table audit_events add column inputs_hash text;
comment on column audit_events.inputs_hash is 'SHA-256 of what the decision was made on: the plan that an action is bound to';

create table audit_checkpoints (
  namespace text not null,
  number bigint not null,
  hash text not null,
  actor text not null,
  at timestamptz not null default clock_timestamp(),
  primary key (namespace, number)
);
comment on table audit_checkpoints is 'where a chain begins once the rows before were dropped: its first row follows this link';
create trigger audit_checkpoints_insert_only before update or delete on audit_checkpoints
  for each row execute function refuse_change();
create trigger audit_checkpoints_no_truncate before truncate on audit_checkpoints
  for each statement execute function refuse_change();

-- Rows may be deleted once a checkpoint covers them: first their seals, then they themselves.
create function refuse_change_unless_covered() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and tg_table_name = 'audit_seals' then
    if exists (select 1 from audit_checkpoints c
                where c.namespace = old.namespace and c.number >= old.number) then
      return old;
    end if;
  elsif tg_op = 'DELETE' then
    if not exists (select 1 from audit_seals s where s.event_id = old.id)
       and not exists (select 1 from audit_unsealed u where u.event_id = old.id) then
      return old;
    end if;
  end if;
  raise exception '% rows are insert-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;

drop trigger audit_events_insert_only on audit_events;
create trigger audit_events_insert_only before update or delete on audit_events
  for each row execute function refuse_change_unless_covered();
drop trigger audit_seals_insert_only on audit_seals;
create trigger audit_seals_insert_only before update or delete on audit_seals
  for each row execute function refuse_change_unless_covered();
