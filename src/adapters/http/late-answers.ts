import type { PlannedConsumer } from '../../core/plan.js';
import { type Secret, openSecret } from '../../core/secret.js';
import type { Challenges, Judgement, LateAck } from '../../ports/challenges.js';
import type { ConsumerAnswer, Scope } from '../../ports/step-ports.js';
import { type Against, judgeAnswer } from './consumer-answer.js';

/** What was asked, and the value that tells what an answer to it is worth. */
export interface Asked {
  readonly phase: 'canary' | 'drain';
  readonly version: number;
  /** The credential's value alone. */
  readonly value: Secret;
  readonly clean: Against['clean'];
}

/** What acks say of one instance of a consumer. */
type LateAnswer = ConsumerAnswer & { readonly late: true };

/**
 * What consumers have answered by acks. What nobody has looked over is judged, and that is written down. Only proofs whose
 * challenge is young, and refusals, count. One answer for each instance: a refusal before a proof, and of proofs the one of
 * the newest challenge.
 */
export async function lateAnswers(
  challenges: Challenges,
  scope: Scope,
  { phase, version, value, clean }: Asked,
): Promise<readonly LateAnswer[]> {
  const acks = await challenges.late(scope, { phase, version });
  const { environment, secret, rotationId: rotation } = scope.plan;
  const judged = acks.map((ack) => {
    if (ack.kind === 'judged') return { ack, judgement: ack };
    // Made of what this rotation asks now, not of what the ack says: one of anything else does not fit.
    const challenge = { phase, nonce: ack.nonce, environment, secret, rotation, version };
    return { ack, judgement: { nonce: ack.nonce, ...judge(ack.said, { challenge, value, clean }) } };
  });
  await challenges.judged(
    judged.flatMap(({ ack, judgement: { nonce, outcome, instance, reason } }) =>
      ack.kind === 'judged' ? [] : [{ nonce, outcome, instance, reason }],
    ),
  );
  const answers = new Map<string, LateAnswer>();
  for (const { ack, judgement } of judged) {
    const answer = answerOf(ack, judgement);
    if (answer === undefined) continue;
    const key = JSON.stringify([answer.consumer, answer.instance]);
    if (answers.get(key)?.answer !== 'refused') answers.set(key, answer);
  }
  return [...answers.values()];
}

/**
 * The answers of a look, with what came late. A late proof stands in place of the word of its own instance that it answers
 * later, and of nothing else: what it says now is newer. A late refusal stands in place of anything its instance says.
 */
export function withLate(
  direct: readonly ConsumerAnswer[],
  late: readonly LateAnswer[],
  asked: readonly PlannedConsumer[],
): readonly ConsumerAnswer[] {
  const counting = late.filter(({ consumer }) => asked.some(({ name }) => name === consumer));
  const kept = counting.filter(
    (each) => each.answer === 'refused' || !direct.some((other) => isSame(other, each) && hasSpoken(other)),
  );
  return [...direct.filter((each) => !kept.some((other) => isSame(other, each))), ...kept];
}

const hasSpoken = ({ late, unheard, gone }: ConsumerAnswer): boolean =>
  late !== true && unheard !== true && gone !== true;

const isSame = (one: ConsumerAnswer, other: ConsumerAnswer): boolean =>
  one.consumer === other.consumer && one.instance === other.instance;

/** *Returns* undefined for what counts for nothing: what is wrong, and a proof that is too old. */
function answerOf(
  { consumer, issuedAtMs: atMs, isYoung }: LateAck,
  { outcome, instance, reason }: Pick<Judgement, 'outcome' | 'instance' | 'reason'>,
): LateAnswer | undefined {
  if (outcome === 'wrong' || (outcome === 'proved' && !isYoung)) return undefined;
  return { consumer, instance, answer: outcome, reason, atMs, late: true };
}

function judge(said: Secret, against: Against): Pick<Judgement, 'outcome' | 'instance' | 'reason'> {
  const { answer, instance, reason } = judgeAnswer(openSecret(said), against);
  said.wipe();
  return { outcome: answer === 'pending' ? 'wrong' : answer, instance, reason };
}
