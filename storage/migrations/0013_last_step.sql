-- Asked with every observation: when a step last changed the resource.

create index journal_target on journal (target, ended_at);
