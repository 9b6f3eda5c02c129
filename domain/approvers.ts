import type { Approval } from './policy/policy';

/** People who may decide, under a name that policies use in `approval.of`. */
export interface Approvers {
  /** `namespace/name`. */
  key: string;
  namespace: string;
  name: string;
  /** Actors as the audit names them, without `user:`. */
  members: string[];
}

/** One action's question to people. */
export interface Question {
  approval: Approval;
  namespace: string;
  /** Actor that asked for the action. */
  requestedBy: string;
  /** Actor that wrote the bound revision of the policy; null without a policy. */
  author: string | null;
  /** The first deadline has passed: the second list may decide as well. */
  isEscalated: boolean;
}

/** Who may decide on one action. */
export interface Deciders {
  required: number;
  /** Names of people, sorted; null: anybody may. */
  people: string[] | null;
  /** Names in the lists that no Approvers of the namespace carries. */
  unknown: string[];
  /** Four eyes: who may say no, but not yes. */
  barred: { name: string; why: string }[];
}

/** A decision on record, or about to be. */
export interface Voice {
  actor: string;
  /** False: a plain signal, which says nothing of who sent it. */
  isSigned: boolean;
  /** Who sent it in that actor's name, or had the link made; null or absent: the actor. */
  through?: string | null;
}

export interface Vote extends Voice {
  decision: 'approve' | 'reject' | 'withdrawn';
}

const PERSON = 'user:';

/** The name of a person; null for `vigil`, `policy:…`, `folder:…`, `token` and `anonymous`. */
export function personOf(actor: string | null): string | null {
  return actor?.startsWith(PERSON) === true ? actor.slice(PERSON.length) : null;
}

/** Turns the names of the policy's lists into people. */
export function decidersOf(question: Question, approvers: readonly Approvers[]): Deciders {
  const { approval } = question;
  const { people, unknown } = expand(listsOf(question), question.namespace, approvers);
  return { required: approval.required, people, unknown, barred: barredOf(question) };
}

/** The second list comes on top of the first; without a first anybody may decide from the start. */
function listsOf({ approval, isEscalated }: Question): string[] | null {
  if (approval.of === undefined) return null;
  return isEscalated ? [...approval.of, ...(approval.escalateTo ?? [])] : approval.of;
}

function expand(
  of: readonly string[] | null,
  namespace: string,
  approvers: readonly Approvers[],
): Pick<Deciders, 'people' | 'unknown'> {
  if (of === null) return { people: null, unknown: [] };
  const people = new Set<string>();
  const unknown: string[] = [];
  for (const entry of of) {
    const name = personOf(entry);
    const list = approvers.find((one) => one.namespace === namespace && one.name === entry);
    if (name !== null) people.add(name);
    else if (list === undefined) unknown.push(entry);
    else for (const member of list.members) people.add(personOf(member) ?? member);
  }
  return { people: [...people].sort(), unknown };
}

function barredOf({ requestedBy, author }: Question): Deciders['barred'] {
  const requester = personOf(requestedBy);
  const writer = personOf(author);
  const barred = requester === null ? [] : [{ name: requester, why: 'asked for the action' }];
  if (writer !== null && writer !== requester) {
    barred.push({ name: writer, why: 'wrote the policy' });
  }
  return barred;
}

/** Why a decision does not count; null when it does. */
export function refusalToDecide(
  decision: 'approve' | 'reject',
  voice: Voice,
  deciders: Deciders,
): string | null {
  return outsider(voice, deciders) ?? (decision === 'approve' ? secondPair(voice, deciders) : null);
}

function outsider({ actor, isSigned }: Voice, { people }: Deciders): string | null {
  if (people === null) return null;
  if (!isSigned) return 'a plain signal does not say who sent it, and only some people may decide';
  const name = personOf(actor);
  if (name === null) return `${actor} is no person by name: ${mayDecide(people)}`;
  return people.includes(name) ? null : `${name} is not among those who may: ${mayDecide(people)}`;
}

function mayDecide(people: readonly string[]): string {
  return people.length === 0 ? 'nobody may decide' : `${people.join(', ')} may decide`;
}

/** Whoever cannot be told from the requester and the author cannot be the second pair of eyes. */
function secondPair(voice: Voice, { barred }: Deciders): string | null {
  if (barred.length === 0) return null;
  const { actor, isSigned } = voice;
  const hand = barred.find((one) => one.name === personOf(voice.through ?? null));
  if (hand !== undefined) return `four eyes: it came through ${hand.name}, who ${hand.why}`;
  const name = personOf(actor);
  if (!isSigned || name === null) {
    const who = barred.map((one) => `${one.name}, who ${one.why}`).join(' or ');
    return `four eyes: ${actor} cannot be told from ${who}`;
  }
  const found = barred.find((one) => one.name === name);
  return found === undefined ? null : `four eyes: ${name} ${found.why} and may not say yes to it`;
}

/** How many different people have said a yes that counts as the lists are now. */
export function countYes(votes: readonly Vote[], deciders: Deciders): number {
  const yes = votes.filter(
    (vote) => vote.decision === 'approve' && refusalToDecide('approve', vote, deciders) === null,
  );
  // Of several yes each must be told from the others: a name, and a hand that is known.
  const apart = deciders.required > 1 ? yes.filter(isNamed) : yes;
  return new Set(apart.map(({ actor }) => actor)).size;
}

function isNamed({ actor, isSigned }: Vote): boolean {
  return isSigned && personOf(actor) !== null;
}

/** One no ends it; the required number of different people saying yes lets it run. */
export function tally(
  votes: readonly Vote[],
  deciders: Deciders,
): 'waiting' | 'approved' | 'rejected' {
  if (votes.some(({ decision }) => decision === 'reject')) return 'rejected';
  return countYes(votes, deciders) >= deciders.required ? 'approved' : 'waiting';
}

/** The people by name who may say yes; null: anybody but those barred. */
export function mayApprove({ people, barred }: Deciders): string[] | null {
  return people?.filter((name) => !barred.some((one) => one.name === name)) ?? null;
}

/** What people must know when there can never be yes enough; null when there can. */
export function shortfallOf(deciders: Deciders): string | null {
  const able = mayApprove(deciders);
  if (able === null || able.length >= deciders.required) return null;
  const barred = deciders.barred.filter(({ name }) => deciders.people?.includes(name) === true);
  const whys = [
    ...barred.map(({ name, why }) => `${name} ${why}`),
    ...deciders.unknown.map((name) => `there are no Approvers named ${name}`),
  ];
  const because = whys.length === 0 ? '' : ` (${whys.join('; ')})`;
  const who = able.length === 0 ? 'nobody may' : `only ${able.join(', ')} may`;
  return `it can never be approved as the lists are now: ${String(deciders.required)} must say yes, and ${who}${because}`;
}
