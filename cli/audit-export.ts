import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { GENESIS, verifyChain, type ChainLink, type SealedRow } from '../domain/audit-chain';
import { sha256 } from '../platform/sha256';
import type { Verification } from './answers';
import { CliFailure } from './failure';

const text = z.string();
const textOrNull = z.string().nullable();

const rowLine = z.strictObject({
  ...{ id: z.number(), namespace: text, resource: textOrNull, policy: textOrNull },
  ...{ actionId: textOrNull, step: z.number(), event: text, actor: text, door: text },
  ...{ correlationId: textOrNull, policyRevision: z.number().nullable(), inputsHash: textOrNull },
  ...{ details: z.unknown(), at: text, number: z.number(), previousHash: text, hash: text },
});

const checkpointLine = z.strictObject({
  checkpoint: z.strictObject({ namespace: text, number: z.number(), hash: text }),
});

interface Chain {
  start: ChainLink;
  last: ChainLink;
  firstBroken: number | null;
}

/**
 * Checks every chain of an export, line by line, without any server. A part that does not begin with
 * the first row or a checkpoint is checked from its own first row on. Throws CliFailure for a line
 * that is none of an export.
 */
export async function verifyExport(file: string): Promise<Verification[]> {
  const chains = new Map<string, Chain>();
  let number = 0;
  for await (const line of linesOf(file)) {
    number += 1;
    if (line.trim() === '') continue;
    const parsed = parseLine(line);
    if (parsed === null)
      throw new CliFailure(`${file}:${number}: this is no line of an audit export`);
    if ('checkpoint' in parsed) begin(chains, parsed.checkpoint);
    else follow(chains, parsed);
  }
  if (chains.size === 0) throw new CliFailure(`${file}: there are no audit rows in it`);
  return [...chains].map(([namespace, { start, last, firstBroken }]) => ({
    ...{ ok: firstBroken === null, namespace, rows: last.number, firstBroken, from: start.number },
  }));
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const input = file === '-' ? process.stdin : createReadStream(file);
  try {
    yield* createInterface({ input, crlfDelay: Infinity });
  } catch (cause) {
    throw new CliFailure(`${file} cannot be read: ${cause instanceof Error ? cause.message : ''}`);
  }
}

function parseLine(
  line: string,
): SealedRow | { checkpoint: { namespace: string; number: number; hash: string } } | null {
  try {
    const data: unknown = JSON.parse(line);
    return checkpointLine.safeParse(data).data ?? rowLine.parse(data);
  } catch {
    return null;
  }
}

function begin(
  chains: Map<string, Chain>,
  { namespace, number, hash }: { namespace: string; number: number; hash: string },
): void {
  const start = { number, hash };
  chains.set(namespace, { start, last: start, firstBroken: null });
}

function follow(chains: Map<string, Chain>, row: SealedRow): void {
  const chain = chains.get(row.namespace) ?? firstOf(row);
  chains.set(row.namespace, chain);
  if (chain.firstBroken !== null) return;
  const check = verifyChain([row], chain.last, sha256);
  if (check.ok) chain.last = check.last;
  else chain.firstBroken = check.firstBroken;
}

function firstOf({ number, previousHash }: SealedRow): Chain {
  const start = number === 1 ? GENESIS : { number: number - 1, hash: previousHash };
  return { start, last: start, firstBroken: null };
}
