import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { Classification, Credential, EndpointAnswer, ErrorCode, Tagged } from '../../contract/rotator.js';
import { isKeyturnError } from '../../core/errors.js';
import { Secret } from '../../core/secret.js';
import type { Play } from '../rotator-harness.js';
import { isExclusive, propagationMsOf } from './obligation.js';

/** How often a target that takes its time is asked. Milliseconds. */
const POLL_MS = 250;

/** A call that has not ended this long after its abort never will. Milliseconds. */
const HANGS_MS = 10_000;

/** What `list` is to show. An exclusive account keeps no tag: nobody knows which rotation made it. */
interface Listed {
  readonly identity: string;
  readonly rotationId: string | null;
}

/** A value that nobody was given, under this identity. */
export const stranger = (identity: string): Credential => ({
  identity,
  value: Secret.fromText('a-value-that-nobody-was-given'),
});

/** Every endpoint gave one of these answers, and there is one. */
export function assertAnswers(
  member: 'probe' | 'verify',
  answers: readonly EndpointAnswer[],
  ...wanted: readonly EndpointAnswer['answer'][]
): void {
  assert.notEqual(answers.length, 0, `${member} gave no answer of any endpoint`);
  for (const { endpoint, answer, reason } of answers) {
    const because = reason === undefined ? '' : ` (${reason})`;
    assert.ok(
      wanted.includes(answer),
      `${member} answered ${answer}${because} at ${endpoint}, not ${wanted.join(' or ')}`,
    );
  }
}

/** A fresh login with it works, by probe and as a consumer would. */
export async function assertAccepted(on: Play<unknown>, credential: Credential): Promise<void> {
  const { connection, ctx } = on;
  await onceSettled(on, async () => {
    assertAnswers('probe', await connection.probe(credential, ctx('r9')), 'accepted');
    assertAnswers('verify', await connection.verify(credential, ctx('r9')), 'accepted');
  });
}

/** It is turned away everywhere, by probe and as a consumer would be, once the declared propagation is over. */
export async function assertDead(on: Play<unknown>, credential: Credential): Promise<void> {
  const { connection, ctx } = on;
  await onceSettled(on, async () => {
    assertAnswers('probe', await connection.probe(credential, ctx('r9')), 'refused', 'absent');
    assertAnswers('verify', await connection.verify(credential, ctx('r9')), 'refused', 'absent');
  });
}

/** The target itself lets it in, or turns it away, once the declared propagation is over: nobody asks the rotator. */
export async function assertLetIn(
  on: Play<unknown>,
  credential: Credential,
  isWanted: boolean,
  when: string,
): Promise<void> {
  await onceSettled(on, async () => {
    const told = `${when}, the target itself ${isWanted ? 'turns away' : 'lets in'} the credential`;
    assert.equal(await on.stage.accepts?.(credential), isWanted, told);
  });
}

/** The list is this, in any order, once the declared propagation is over. */
export async function assertLive(on: Play<unknown>, ...wanted: readonly Listed[]): Promise<void> {
  const inOrder = (all: readonly Listed[]): readonly string[] =>
    all.map(({ identity, rotationId }) => JSON.stringify({ identity, rotationId })).sort();
  await onceSettled(on, async () => {
    const listed = (await listedSince(on)).filter(({ live }) => live);
    const told = `list shows as live: ${inOrder(listed).join(', ') || 'nothing'}; live of ours is: ${inOrder(wanted).join(', ') || 'nothing'}`;
    assert.deepEqual(inOrder(listed), inOrder(wanted), told);
  });
}

/** What `list` shows and did not show before the case began. */
export async function listedSince({ connection, ctx, listedBefore }: Play<unknown>): Promise<readonly Tagged[]> {
  return (await connection.list(ctx('r9'))).filter(({ identity }) => !listedBefore.has(identity));
}

/** As `list` shows what a rotation made: an exclusive account keeps no tag. */
export function taggedAs({ capabilities }: Play<unknown>, identity: string, rotationId: string): Listed {
  return { identity, rotationId: isExclusive(capabilities) ? null : rotationId };
}

/** Repeats a check that failed until the propagation that the rotator declares is over. */
async function onceSettled({ capabilities }: Play<unknown>, check: () => Promise<void>): Promise<void> {
  const untilMs = performance.now() + propagationMsOf(capabilities);
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (!(error instanceof assert.AssertionError) || performance.now() >= untilMs) throw error;
      await wait(POLL_MS);
    }
  }
}

/** What was thrown, in a few words. */
export function errorText(error: unknown): string {
  if (isKeyturnError(error)) return error.code;
  if (error instanceof Error) return `${error.name}: ${error.message}`;
  return inspect(error, { depth: 1 });
}

/** *Returns* what the call threw. */
export async function thrownBy(doing: string, call: Promise<unknown>): Promise<unknown> {
  let answer: unknown;
  try {
    answer = await call;
  } catch (error) {
    return error;
  }
  assert.fail(`${doing} was to fail and answered ${inspect(answer, { depth: 2 })}`);
}

/** The call is refused by this code of the catalogue. */
export async function assertCode(code: ErrorCode, doing: string, call: Promise<unknown>): Promise<void> {
  const error = await thrownBy(`${doing} was to be refused by ${code}: it`, call);
  assert.ok(isKeyturnError(error) && error.code === code, `${doing} threw ${errorText(error)}, not ${code}`);
}

/** What the engine makes of an error: by its code where it is of the catalogue, else by the rotator's own sorting. */
export function sortedAs({ rotator }: Play<unknown>, error: unknown): Classification | ErrorCode {
  return isKeyturnError(error) ? error.code : rotator.classify(error);
}

/** Codes and classes that say: for certain nothing has happened. */
const certain: readonly (Classification | ErrorCode)[] = [
  ...(['rejected-by-policy', 'rejected-by-authority', 'transient'] as const),
  ...(['VALUE_REJECTED', 'ADMIN_REFUSED', 'PRIVILEGE_MISSING', 'PRINCIPAL_IN_USE', 'NOT_OURS'] as const),
  ...(['TARGET_BUSY', 'TARGET_THROTTLED'] as const),
];

/** An error after which nobody knows what the target has done is not sorted as if one knew. */
export function assertUncertain(on: Play<unknown>, doing: string, error: unknown): void {
  const sorted = sortedAs(on, error);
  assert.ok(
    !certain.includes(sorted),
    `${doing} threw ${errorText(error)}, sorted as ${sorted}: that says for certain that nothing was done`,
  );
}

/** Bounds a call that was told to end. */
export async function ended<Answer>(member: string, call: Promise<Answer>): Promise<Answer> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hangs = new Promise<never>((_, reject) => {
    const message = `${member} had not ended ${HANGS_MS} ms after its signal was aborted`;
    timer = setTimeout(() => reject(new assert.AssertionError({ message })), HANGS_MS);
  });
  try {
    return await Promise.race([call, hangs]);
  } finally {
    clearTimeout(timer);
  }
}
