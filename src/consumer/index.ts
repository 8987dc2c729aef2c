export { type ChallengeProof, createProof } from './proof.js';
export { type Answer, type AnswerOptions, type Held, type HeldChallenge, answerChallenge } from './answer-challenge.js';
export {
  type CachedReader,
  type CachedReaderOptions,
  type ParameterAnswer,
  type ReadFailure,
  type Reading,
  createCachedReader,
} from './cached-reader.js';
export { ParameterReadError } from './parameter-read-error.js';
export { type ReaderLimits, cachedReaderDefaults } from './reader-limits.js';
