export { type ChallengeProof, createProof } from './proof.js';
export { type Answer, type AnswerOptions, type Held, type HeldChallenge, answerChallenge } from './answer-challenge.js';
