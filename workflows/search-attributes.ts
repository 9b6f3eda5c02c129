import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';

/** Typed keys of the contract's search attributes. */
export const VIGIL_RESOURCE = defineSearchAttributeKey('VigilResource', 'KEYWORD');
export const VIGIL_PHASE = defineSearchAttributeKey('VigilPhase', 'KEYWORD');
export const VIGIL_POLICY = defineSearchAttributeKey('VigilPolicy', 'KEYWORD_LIST');
export const VIGIL_SEVERITY = defineSearchAttributeKey('VigilSeverity', 'KEYWORD');
export const VIGIL_OUTCOME = defineSearchAttributeKey('VigilOutcome', 'KEYWORD');

export type { SearchAttributePair };
