import type { ConsumerFact } from '../../src/core/canary.js';
import type { Moment } from '../../src/core/decide.js';
import type { DrainFacts } from '../../src/core/drain.js';
import type { EvidenceFacts, Expected } from '../../src/core/evidence.js';
import type { EndpointAnswer } from '../../src/core/observation.js';
import type { PlannedConsumer } from '../../src/core/plan.js';
import type { WatchFacts } from '../../src/core/watch.js';

/** When the gate began to look. Milliseconds since 1970. */
export const lookedMs = 1_000_000_000;

/** What the rotation staged, and where. */
export const expected: Expected = { version: 2, digest: 'digest-of-new', system: 'system-1' };

/** What each of two endpoints answered. */
export function answers(one: EndpointAnswer['answer'], two: EndpointAnswer['answer'] = one): readonly EndpointAnswer[] {
  return [
    { endpoint: 'one', answer: one },
    { endpoint: 'two', answer: two },
  ];
}

/** A consumer that must prove; name what the test is about. */
export function aConsumer(change: Partial<PlannedConsumer> = {}): PlannedConsumer {
  return { name: 'app', url: null, canary: true, required: true, cacheTtlMs: 0, ...change };
}

/** Its proof, given at the look. */
export function aProof(change: Partial<ConsumerFact> = {}): ConsumerFact {
  return {
    consumer: 'app',
    instance: null,
    answer: 'proved',
    reason: '',
    atMs: lookedMs,
    sinceMs: lookedMs,
    ...change,
  };
}

/** A look after promote at which everything is as it should be. */
export function evidence(change: Partial<EvidenceFacts> = {}): EvidenceFacts {
  const current = { version: expected.version, digest: expected.digest };
  return { atMs: lookedMs, guardSeq: 7, current, answers: answers('accepted'), system: expected.system, ...change };
}

/** A look of drain at which nobody needs the old credential any more. */
export function drainFacts(change: Partial<DrainFacts> = {}): DrainFacts {
  const usage = { kind: 'known', sessions: 0, youngestAgeMs: null, oldestAgeMs: null } as const;
  return { ...evidence(), consumers: [aProof()], usage, lastOpenedMs: null, ...change };
}

/** A look of watch at which the old credential is off and nothing misses it. */
export function watchFacts(change: Partial<WatchFacts> = {}): WatchFacts {
  return { ...evidence(), oldAnswers: answers('refused'), again: null, ...change };
}

/** The moment of the look: no hold, no waiver, nothing a guard reads has changed. */
export function aMoment(change: Partial<Moment> = {}): Moment {
  return {
    nowMs: lookedMs,
    held: false,
    waived: [],
    guardSeq: 7,
    openedMs: lookedMs,
    acceptedMs: 0,
    doneMs: {},
    ...change,
  };
}
