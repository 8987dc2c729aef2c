import { z } from 'zod';
import type { Connection } from '../../contract/rotator.js';
import { type Secret, isSecret } from '../../core/secret.js';

/** The members of a connection that cross to the process of a rotator. `close` does not: the process ends instead. */
const memberSchema = z.enum([
  'preflight',
  'identify',
  'propose',
  'create',
  'probe',
  'verify',
  'usage',
  'refusedLogins',
  'raise',
  'disable',
  'enable',
  'destroy',
  'list',
] satisfies Exclude<keyof Connection, 'close'>[]);

/** See {@link memberSchema}. */
export type Member = z.output<typeof memberSchema>;

/** A name, an id, a word. */
const word = z.string().max(1_024);
/** A sentence for a person. */
const sentence = z.string().max(4_096);
const secret = z.custom<Secret>(isSecret, 'must be a secret');
const count = z.int().min(0);
const ageMs = z.number().min(0).nullable();
const id = z.int().min(1);
const facts = z.record(word, z.union([sentence, z.number(), z.boolean(), z.null()]));

/** Facts of one line of a rotator's log. */
export const maxLogFacts = 20;

const contextSchema = z.strictObject({
  rotationId: z.string(),
  secret: z.string(),
  step: z.string(),
  attempt: z.number(),
  fence: z.strictObject({ era: z.number(), epoch: z.number(), known: z.boolean() }),
  deadlineMs: z.number(),
  databaseTimeMs: z.number(),
});

/** What the worker asks of the process. `entry` is the URL of the file it loads. Each `id` is answered once. */
export const requestSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('describe'), id, entry: z.string(), configs: z.array(z.unknown()) }),
  z.strictObject({ kind: z.literal('open'), id, entry: z.string(), config: z.unknown() }),
  z.strictObject({
    kind: z.literal('call'),
    id,
    member: memberSchema,
    args: z.array(z.unknown()),
    ctx: contextSchema,
  }),
  z.strictObject({ kind: z.literal('abort'), id }),
  z.strictObject({ kind: z.literal('close') }),
]);

/** See {@link requestSchema}. */
export type Request = z.output<typeof requestSchema>;

const errorSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('catalogue'), code: word, facts }),
  z.object({
    kind: z.literal('unknown'),
    name: word,
    message: sentence,
    /** What Node or a driver calls it: `ERR_MODULE_NOT_FOUND`. */
    code: word.nullable(),
    classification: z.enum(['rejected-by-policy', 'rejected-by-authority', 'transient', 'unknown']),
  }),
]);

/** An error on its way to the worker. */
export type WireError = z.output<typeof errorSchema>;

/** What the process says to the worker. */
export const reportSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('answered'), id, answer: z.unknown() }),
  z.object({ kind: z.literal('threw'), id, error: errorSchema }),
  z.object({
    kind: z.literal('log'),
    level: z.enum(['debug', 'warn']),
    facts: facts.refine((all) => Object.keys(all).length <= maxLogFacts),
    message: sentence,
  }),
]);

const endpointAnswers = z
  .array(
    z.object({
      endpoint: word,
      answer: z.enum(['accepted', 'refused', 'absent', 'unknown']),
      reason: sentence.optional(),
    }),
  )
  .max(1_000)
  .transform((all) => all.map(({ reason, ...answer }) => (reason === undefined ? answer : { ...answer, reason })));

const identified = z
  .object({ identity: word.min(1), value: secret.optional() })
  .transform(({ identity, value }) => (value === undefined ? { identity } : { identity, value }));

/** What was there before may be as much as a list holds. */
const proposed = z
  .object({ identity: word.min(1), value: secret.optional(), existing: z.array(word.min(1)).max(10_000).optional() })
  .transform(({ identity, value, existing }) => ({
    identity,
    ...(value === undefined ? {} : { value }),
    ...(existing === undefined ? {} : { existing }),
  }));

const nothing = z.unknown().transform((): void => undefined);

/** What each member may answer. What the contract does not name is left behind. */
export const answerSchemas = {
  preflight: z.array(z.object({ sentence, cure: sentence })).max(1_000),
  identify: z.object({ system: word.min(1) }),
  propose: proposed,
  create: identified,
  probe: endpointAnswers,
  verify: endpointAnswers,
  usage: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('known'), sessions: count, youngestAgeMs: ageMs, oldestAgeMs: ageMs }),
    z.object({ kind: z.literal('unknown'), reason: sentence }),
  ]),
  refusedLogins: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('known'), mark: sentence, from: z.array(word).max(10_000) }),
    z.object({ kind: z.literal('unknown'), reason: sentence }),
  ]),
  raise: nothing,
  disable: z.object({ endedSessions: count }),
  enable: nothing,
  destroy: nothing,
  list: z.array(z.object({ identity: word, rotationId: word.nullable(), live: z.boolean() })).max(10_000),
} as const satisfies Record<Member, z.ZodType>;

const problem = z.object({ path: z.array(z.union([word, z.number()])).max(32), message: sentence });

/** Settings that the rotator's schema refuses, or what it says of those it takes. */
const settingsSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('refused'), problems: z.array(problem).min(1).max(100) }),
  z.object({
    kind: z.literal('taken'),
    principal: word,
    warnings: z.array(sentence).max(100),
    capabilities: z
      .strictObject({
        overlap: z.enum(['two-live', 'one-live']),
        origin: z.enum(['ours', 'provider']),
        fence: z.boolean(),
        disable: z.boolean(),
        usage: z.boolean(),
        endsSessions: z.boolean(),
        list: z.boolean(),
        settleMs: z.number().min(0),
        exclusive: z.boolean().optional(),
        propagationMs: z.number().min(0).optional(),
        refusedLogins: z.boolean().optional(),
      })
      .transform(({ exclusive, propagationMs, refusedLogins, ...able }) => ({
        ...able,
        ...(refusedLogins === undefined ? {} : { refusedLogins }),
        ...(exclusive === undefined ? {} : { exclusive }),
        ...(propagationMs === undefined ? {} : { propagationMs }),
      })),
  }),
]);

/** See {@link settingsSchema}. */
export type Settings = z.output<typeof settingsSchema>;

/** What a rotator is, and what it says of each of the settings it was shown. None where it is of another contract. */
export const descriptionSchema = z.object({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
  contract: z.int(),
  credential: z.object({ identity: word.min(1), value: word.min(1) }),
  settings: z.array(settingsSchema),
});

/** The answer to `open`. */
export const openedSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('refused'), problems: z.array(problem).min(1).max(100) }),
  z.object({ kind: z.literal('opened') }),
]);
