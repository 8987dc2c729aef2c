import { type Held, type HeldChallenge, answerChallenge } from '../consumer/answer-challenge.js';
import type { CachedReader, Reading } from '../consumer/cached-reader.js';
import type { Consumer } from '../consumer/consumer.js';
import type { Tell } from './agent-event.js';
import type { AppliedFile } from './applied-file.js';
import type { CanaryTrial } from './canary-trial.js';
import { fieldOf } from './file-content.js';
import type { StoredParameter } from './stored-parameter.js';

/** In whose name is answered, and what for. */
export interface ProofOptions {
  /** `whsec_…`; several while it is being replaced. */
  readonly keys: readonly string[];
  readonly instance: string;
  readonly environment: string;
  /** By path. */
  readonly secret: string;
  readonly staging: Staging;
  /** The field that is the credential's value. */
  readonly field: string;
  readonly reader: CachedReader<StoredParameter>;
  readonly file: AppliedFile;
  /** Null: a pending version is not tried, and a challenge to try one stays open. */
  readonly trial: CanaryTrial | null;
  readonly tell: Tell;
}

/**
 * Where versions are: `labels` on the versions of one parameter; `shadow`: the bare name is what is in force, and
 * `NAME.keyturn` has the versions that Keyturn counts.
 */
export type Staging = 'labels' | 'shadow';

/** The name under which what is in force is read. */
export const inForce = (secret: string, staging: Staging): string =>
  staging === 'labels' ? `${secret}:current` : secret;

/**
 * Keyturn waits 10 s for an answer, and a read of the store may take 5 s of it. What takes longer goes on, and the next
 * challenge finds it done.
 */
const patienceMs = 4_500;

/**
 * Answers the challenges of Keyturn in the name of an application that cannot: with a proof once the file holds the version
 * and the check has passed, never before.
 */
export function proofsOf(options: ProofOptions): Consumer {
  const { keys: key, instance, environment, secret, staging, reader, file } = options;
  const own = `${environment}:${secret}`;
  return {
    answer: ({ body, headers }) =>
      answerChallenge({
        ...{ body, headers, key, instance, environment },
        held: (challenge) => (challenge.secret === own ? heldFor(options, challenge) : { kind: 'pending' }),
        // What is current is asked of the store, not of the webhook: it may be late, and come twice.
        told: (webhook) => {
          if (webhook.secret !== own) return;
          void reader.refresh(inForce(secret, staging)).then(
            (reading) => file.bring(reading),
            () => undefined,
          );
        },
      }),
  };
}

async function heldFor(options: ProofOptions, challenge: HeldChallenge): Promise<Held> {
  const { phase, version, rotation } = challenge;
  const { secret, field, tell } = options;
  const about = { secret, version, rotation };
  const answer = await (phase === 'drain' ? drained(options, version) : tried(options, challenge));
  if (answer.kind === 'pending') tell({ kind: 'not-proved', ...about, why: answer.why });
  if (answer.kind === 'refuses') tell({ kind: 'refused', ...about, why: answer.reason });
  if (answer.kind !== 'uses') return answer;
  const value = fieldOf(answer.reading.value.value, field);
  if (value === undefined) {
    tell({ kind: 'not-proved', ...about, why: `it has no field ${field} that is a text` });
    return { kind: 'pending' };
  }
  tell({ kind: phase === 'drain' ? 'proved' : 'tried', ...about });
  return { kind: 'uses', value };
}

type ChallengeOutcome =
  | { readonly kind: 'uses'; readonly reading: Reading<StoredParameter> }
  | { readonly kind: 'pending'; readonly why: string }
  | { readonly kind: 'refuses'; readonly reason: string };

const pending = (why: string): ChallengeOutcome => ({ kind: 'pending', why });

async function drained({ secret, staging, reader, file }: ProofOptions, version: number): Promise<ChallengeOutcome> {
  const reading = await reader.refresh(inForce(secret, staging)).catch(() => undefined);
  if (reading === undefined) return pending('current cannot be read');
  const isApplied = await file.settled(reading, patienceMs);
  // The versions of a bare parameter are others than those that Keyturn counts: what it asks for shows in the value.
  if (staging === 'labels' && reading.version !== version) return pending(`current is version ${reading.version}`);
  return isApplied ? { kind: 'uses', reading } : pending('the file, the application or the check is not there yet');
}

async function tried(
  { secret, staging, reader, trial }: ProofOptions,
  challenge: HeldChallenge,
): Promise<ChallengeOutcome> {
  const { version, rotation } = challenge;
  if (trial === null) return pending('there is no --canary-check');
  const reading = await reader
    .read(`${staging === 'labels' ? secret : `${secret}.keyturn`}:${version}`)
    .catch(() => undefined);
  if (reading === undefined) return pending(`version ${version} cannot be read`);
  const outcome = await trial.try(reading, { rotation, withinMs: patienceMs });
  if (outcome === undefined) return pending('the canary check is not over yet');
  switch (outcome.kind) {
    case 'passed':
      return { kind: 'uses', reading };
    case 'failed':
      return { kind: 'refuses', reason: `the canary check did not pass: ${outcome.why}` };
    case 'unknown':
      return pending(`the canary check could not say: ${outcome.why}`);
    default:
      return outcome satisfies never;
  }
}
