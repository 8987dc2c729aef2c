import { randomBytes } from 'node:crypto';
import { type Rotator, Secret, keyturnError, openSecret } from 'keyturn/rotator';
import { z } from 'zod';
import { type Deviation, type SoundConfig, soundCapabilities } from './sound-rotator.js';

/** The text of a value, for a stub that leaks it. */
export const textOf = (value: Secret): string => Buffer.from(openSecret(value)).toString();

/** Where every leak is found. */
export const secrecy = 'neither an answer, an error, a log line, the output nor the connection shows a value';

/** What a stub does otherwise than it should, and the obligations that must notice. */
export const deviations: readonly (readonly [string, Deviation, ...string[]])[] = [
  [
    'logs a value',
    {
      connection: (sound) => ({
        create: async (proposal, ctx) => {
          ctx.log.debug({ proposed: textOf(proposal.value!) }, 'creating');
          return sound.create(proposal, ctx);
        },
      }),
    },
    secrecy,
  ],
  [
    'writes a value to the output',
    {
      connection: (sound) => ({
        create: async (proposal, ctx) => {
          if (ctx.signal.aborted) process.stdout.write(`${Buffer.from(openSecret(proposal.value!)).join(',')}\n`);
          return sound.create(proposal, ctx);
        },
      }),
    },
    secrecy,
  ],
  [
    'keeps a value where util.inspect finds it',
    {
      connection: (sound) => {
        const kept = { last: '' };
        return {
          create: async (proposal, ctx) => {
            kept.last = textOf(proposal.value!);
            return sound.create(proposal, ctx);
          },
          close: Object.assign(async () => {}, { kept }),
        };
      },
    },
    secrecy,
  ],
  [
    'finishes no create that was begun before',
    {
      connection: (sound, { target }) => ({
        create: async (proposal, ctx) => {
          if (target.entries().has(proposal.identity)) {
            throw keyturnError('PRINCIPAL_IN_USE', { principal: proposal.identity });
          }
          return sound.create(proposal, ctx);
        },
      }),
    },
    'created twice, one is live',
    'a create that was cut off is finished by the next one',
    'a create whose answer was lost is finished by the next one',
    'a rotation whose process dies after every call ends as if each had been made once',
    'creates of one rotation at the same time make one credential',
  ],
  [
    'takes a lost answer for a refusal',
    { classify: () => 'transient' },
    'an error that means nothing to it is sorted as `unknown`',
    'a create whose answer was lost is finished by the next one',
    'a destroy whose answer was lost is repeated and succeeds',
  ],
  [
    'takes what does not answer for refused',
    {
      connection: (sound) => ({
        probe: async (credential, ctx) =>
          (await sound.probe(credential, ctx)).map((each) =>
            each.answer === 'unknown' ? { ...each, answer: 'refused' as const } : each,
          ),
      }),
    },
    'a target that does not answer is unknown, never refused',
    'a call to a target that hangs ends with its signal, and says that nobody knows',
  ],
  [
    'destroys whatever it is told to',
    {
      connection: (_sound, { target }) => ({
        destroy: async (identity) => void target.entries().delete(identity),
      }),
    },
    'destroying what carries another tag is refused',
    'destroying what somebody else made is refused, and leaves it where it is',
    'once the fence is raised, an older epoch changes nothing',
    'a target that does not answer is unknown, never refused',
  ],
  [
    'destroys what somebody else made, and denies it',
    {
      connection: (sound, { target }) => ({
        destroy: async (identity, provenance, ctx) => {
          if (target.entries().get(identity)?.tag === null) {
            target.entries().delete(identity);
            throw keyturnError('NOT_OURS', { identity });
          }
          return sound.destroy(identity, provenance, ctx);
        },
      }),
    },
    'destroying what somebody else made is refused, and leaves it where it is',
  ],
  [
    'clears the account of everything that is not its own',
    {
      connection: (sound, { target }) => ({
        create: async (proposal, ctx) => {
          for (const [identity, { tag }] of target.entries()) if (tag === null) target.entries().delete(identity);
          return sound.create(proposal, ctx);
        },
      }),
    },
    'a principal that somebody else uses is refused',
    'a whole rotation leaves what somebody else made where it is',
  ],
  [
    'ignores the signal of a target that hangs',
    { connection: (_sound, { line }) => (line === 'hung' ? { list: async () => new Promise<never>(() => {}) } : {}) },
    'a call to a target that hangs ends with its signal, and says that nobody knows',
  ],
  [
    'remembers in the connection what it needs later',
    {
      connection: (sound) => {
        const made = new Set<string>();
        return {
          create: async (proposal, ctx) => {
            made.add(proposal.identity);
            return sound.create(proposal, ctx);
          },
          destroy: async (identity, provenance, ctx) =>
            made.has(identity) ? sound.destroy(identity, provenance, ctx) : undefined,
        };
      },
    },
    'a rotation goes on in another process between any two calls',
    'a rotation whose process dies after every call ends as if each had been made once',
  ],
  [
    'makes room where the target is full',
    {
      connection: (sound, { target, line }) => ({
        create: async (proposal, ctx) => {
          if (line === 'quota') target.entries().clear();
          return sound.create(proposal, ctx);
        },
      }),
    },
    'a target that is full says so for certain, and nothing makes room for the new one',
  ],
  [
    'takes a refused value for a broken step',
    {
      connection: (sound, { line }) => ({
        create: async (proposal, ctx) => {
          if (line === 'policy') throw keyturnError('STEP_FAILED', { step: 'create' });
          return sound.create(proposal, ctx);
        },
      }),
    },
    'a value that the target refuses is rejected by policy, and nothing is made of it',
  ],
  [
    'takes a refusal of the admin for one of the credential',
    {
      connection: (sound, { line }) => ({
        probe: async (credential, ctx) =>
          line === 'authority' ? [{ endpoint: 'memory', answer: 'refused' }] : sound.probe(credential, ctx),
      }),
    },
    'a target that refuses us is rejected by authority, and says nothing of the credential',
  ],
  [
    'lists what is of another secret',
    {
      connection: (sound, { target }) => ({
        list: async (ctx) => {
          await sound.list(ctx);
          return [...target.entries()].map(([identity, { tag }]) => ({
            identity,
            rotationId: tag?.rotation ?? 'r0',
            live: true,
          }));
        },
      }),
    },
    'the list holds what is ours and nothing else',
  ],
  [
    'leaves the sessions of what it switched off',
    {
      connection: (sound, { target }) => ({
        disable: async (identity, ctx) => {
          const sessions = target.entries().get(identity)?.sessions;
          const kept = [...(sessions ?? [])];
          sessions?.clear();
          const answer = await sound.disable(identity, ctx);
          for (const session of kept) sessions?.add(session);
          return answer;
        },
      }),
    },
    'switching off ends the sessions, those of the other credential excepted',
  ],
  [
    'proposes a short value',
    {
      connection: (sound) => ({
        propose: async (current, ctx) => ({ ...(await sound.propose(current, ctx)), value: Secret.fromText('short') }),
      }),
    },
    'where the value is ours it has at least 128 bits, and is another one each time',
  ],
  [
    'has a name that no journal keeps',
    { rotator: { name: 'Stub Rotator' } },
    'the name is one that journals can keep, and the contract is the one it was tested with',
  ],
  [
    'can do something else than it said',
    { rotator: { capabilities: () => ({ ...soundCapabilities, settleMs: 5 }) } },
    'the capabilities are those the harness was told, the same each time',
  ],
  ['names no principal', { rotator: { principal: () => '' } }, 'the principal has a name, the same each time'],
  [
    'takes every setting',
    { rotator: { config: z.looseObject({}) as unknown as Rotator<SoundConfig>['config'] } },
    'a setting nobody knows is refused by the schema',
  ],
  [
    'ends sessions and says it does not',
    { capabilities: { endsSessions: false }, connection: () => ({ disable: async () => ({ endedSessions: 1 }) }) },
    'one that says it ends no sessions has ended none',
  ],
  [
    'finds fault with a target that is well',
    { connection: () => ({ preflight: async () => [{ sentence: 'a whim', cure: 'none' }] }) },
    'the preflight of a target that is well finds nothing',
  ],
  [
    'finds nothing wherever it looks',
    { connection: () => ({ preflight: async () => [] }) },
    'the preflight of a target that does not answer is not well, and says what to do',
  ],
  [
    'names its target anew each time',
    { connection: () => ({ identify: async () => ({ system: randomBytes(4).toString('hex') }) }) },
    'a target has an identifier, the same each time',
  ],
  [
    'sees nobody',
    {
      connection: () => ({
        usage: async () => ({ kind: 'known', sessions: 0, youngestAgeMs: null, oldestAgeMs: null }),
      }),
    },
    'usage counts a session that is open',
    'a target that does not answer is unknown, never refused',
  ],
  [
    'accepts whatever it is shown',
    { connection: () => ({ probe: async () => [{ endpoint: 'memory', answer: 'accepted' }] }) },
    'the new credential is accepted, and another value is not',
    'a credential of a name nobody has is turned away',
    'undone, the first credential is refused, and undoing it again succeeds',
  ],
  [
    'proposes another identity each time',
    {
      connection: (sound) => ({
        propose: async (current, ctx) => ({
          ...(await sound.propose(current, ctx)),
          identity: `app-${randomBytes(4).toString('hex')}`,
        }),
      }),
    },
    'a rotation proposes the same identity again, and has no effect in doing so',
  ],
  [
    'creates although it was aborted',
    {
      connection: (sound, { line }) => ({
        create: async (proposal, ctx) =>
          sound.create(proposal, line === 'plain' ? { ...ctx, signal: new AbortController().signal } : ctx),
      }),
    },
    'an aborted call makes nothing',
  ],
  [
    'uses two identities in turn, and nothing fences them',
    {
      capabilities: { fence: false },
      connection: (sound) => ({
        propose: async (current, ctx) => ({
          ...(await sound.propose(current, ctx)),
          identity: current?.identity === 'app-a' ? 'app-b' : 'app-a',
        }),
      }),
    },
    'an identity is never used twice where nothing fences it',
  ],
  [
    'lists one credential where there are two',
    { connection: (sound) => ({ list: async (ctx) => (await sound.list(ctx)).slice(0, 1) }) },
    'the list agrees with the target from the first credential to the last',
  ],
  [
    'takes what is gone for an error',
    {
      connection: (sound, { target }) => ({
        destroy: async (identity, provenance, ctx) => {
          if (!target.entries().has(identity)) throw keyturnError('NOT_OURS', { identity });
          return sound.destroy(identity, provenance, ctx);
        },
      }),
    },
    'destroying what was never made succeeds',
    'undone, the first credential is refused, and undoing it again succeeds',
    'a destroy whose answer was lost is repeated and succeeds',
    'destroys and probes of one credential at the same time end with it dead',
  ],
  [
    'does not switch on again',
    { connection: () => ({ enable: async () => {} }) },
    'switched off it is refused, switched on it is accepted, each as often as one likes',
  ],
  [
    'switches everything of ours off',
    {
      connection: (sound, { target }) => ({
        disable: async (identity, ctx) => {
          for (const entry of target.entries().values()) if (entry.tag !== null) entry.isOn = false;
          return sound.disable(identity, ctx);
        },
      }),
    },
    'switching the old one off leaves the new one accepted',
  ],
  [
    'ends no session, ever',
    {
      connection: (sound, { target }) => ({
        disable: async (identity, ctx) => {
          target.entries().get(identity)?.sessions.clear();
          return sound.disable(identity, ctx);
        },
      }),
    },
    'switching off ends the sessions, those of the other credential excepted',
    'once destroyed it is refused, and no session of it is left',
  ],
  [
    'begins a fence where one should be',
    {
      connection: (sound) => ({
        create: async (proposal, ctx) => sound.create(proposal, { ...ctx, fence: { ...ctx.fence, known: false } }),
      }),
    },
    'a token that should be there and is not refuses the change',
  ],
  [
    'knows of epochs and not of eras',
    {
      connection: (sound) => ({
        create: async (proposal, ctx) => sound.create(proposal, { ...ctx, fence: { ...ctx.fence, era: 1 } }),
        raise: async (ctx) => sound.raise({ ...ctx, fence: { ...ctx.fence, era: 1 } }),
      }),
    },
    'a later era is newer than any epoch of an earlier one',
  ],
];
