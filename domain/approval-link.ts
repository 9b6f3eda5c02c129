/** What a link says that lets one person decide once, without any other credential. */
export interface ApprovalLink {
  actionId: string;
  /** `user:<name>`. */
  approver: string;
  /** Null: the page lets the person choose. */
  decision: 'approve' | 'reject' | null;
  /** Epoch ms. */
  expiresAt: number;
  /** Unlike any other's: it makes the link work once. */
  nonce: string;
  /** Who asked for the link: `vigil` for those in notices. */
  madeBy: string;
}

export const LINK_PURPOSE = 'vigil approval link';

/** A link lives so long, unless less is asked for or the deadline comes before. */
export const LINK_LIFETIME_MS = 15 * 60_000;

/** The text that a link's token signs. */
export function linkText(link: ApprovalLink): string {
  const { actionId, approver, decision, expiresAt, nonce, madeBy } = link;
  return JSON.stringify([actionId, approver, decision, expiresAt, nonce, madeBy]);
}

/** The inverse; only for text whose signature was right. */
export function linkFromText(text: string): ApprovalLink {
  const [actionId, approver, decision, expiresAt, nonce, madeBy] = JSON.parse(text) as [
    string,
    string,
    ApprovalLink['decision'],
    number,
    string,
    string,
  ];
  return { actionId, approver, decision, expiresAt, nonce, madeBy };
}

/** Address of the page of a token; `base` is the API's public URL. */
export function linkUrl(base: string, token: string): string {
  return `${base.replace(/\/+$/, '')}/api/v1/approve?token=${token}`;
}

/** Makes the address for one person's decision on an action; null where links cannot be made. */
export type LinkMaker = (
  wanted: Pick<ApprovalLink, 'actionId' | 'approver' | 'expiresAt'>,
) => string | null;
