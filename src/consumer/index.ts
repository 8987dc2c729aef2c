export { type ChallengeProof, createProof } from './proof.js';
export {
  type Answer,
  type AnswerOptions,
  type Held,
  type HeldChallenge,
  type OnAnswerError,
  type ToldWebhook,
  answerChallenge,
} from './answer-challenge.js';
export { type Acked, type Later, type LaterOptions, answerLater } from './answer-later.js';
export {
  type AnswersLater,
  type ConsumedSecret,
  type Consumer,
  type ConsumerOptions,
  type ConsumerRequest,
  createConsumer,
} from './consumer.js';
export { HeldCredential } from './held-credential.js';
export { fastifyPlugin, fetchHandler, nodeHandler } from './http-handlers.js';
export { type LiveCredential, type LiveCredentialOptions, followCredential } from './live-credential.js';
export {
  type LiveMysqlPool,
  type LivePgPool,
  type LivePoolOptions,
  type PoolEvent,
  liveMysqlPool,
  livePgPool,
} from './live-pool.js';
export { type LiveRedis, type LiveRedisOptions, liveRedis } from './live-redis.js';
export {
  type CachedReader,
  type CachedReaderOptions,
  type ParameterAnswer,
  type ReadFailure,
  type Reading,
  createCachedReader,
} from './cached-reader.js';
export { type Registration, type RegistrationOptions, registerInstance } from './register-instance.js';
export { ParameterReadError } from './parameter-read-error.js';
export { type ReaderLimits, cachedReaderDefaults } from './reader-limits.js';
