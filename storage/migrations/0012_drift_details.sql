-- How severe a difference is, and how it came about.

alter table drift_events add column severity text;
alter table drift_events add column attribution jsonb;
comment on column drift_events.severity is 'null: written before it was kept';
comment on column drift_events.attribution is 'who or what made it so; null: nobody knows';
