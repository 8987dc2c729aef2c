import { randomBytes } from 'node:crypto';
import type { Rotator } from 'keyturn/rotator';
import { z } from 'zod';
import { type SoundConfig, soundCapabilities } from '../sound-rotator.js';
import type { Planted } from './planted.js';

const refusedLogin = 'a refused login is told of by where it came from, since a mark';

/** Stubs that are other than they say. */
export const declaredDeviations: readonly Planted[] = [
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
    'names its target by the address',
    {
      connection: (sound, { line }) => ({
        identify: async (ctx) => {
          await sound.identify(ctx);
          return { system: line };
        },
      }),
    },
    'a target has an identifier, the same each time',
  ],
  [
    'counts the sessions of everybody',
    {
      connection: (sound, { target }) => ({
        usage: async (identity, ctx) => {
          const usage = await sound.usage(identity, ctx);
          const all = [...target.entries().values()].flatMap(({ sessions }) => [...sessions]);
          const sessions = all.filter(({ isOpen }) => isOpen).length;
          const ageMs = sessions === 0 ? null : 0;
          return usage.kind === 'unknown' ? usage : { ...usage, sessions, youngestAgeMs: ageMs, oldestAgeMs: ageMs };
        },
      }),
    },
    'usage counts a session that is open',
  ],
  [
    'hears of no refused login',
    { connection: () => ({ refusedLogins: async () => ({ kind: 'known', mark: '', from: [] }) }) },
    refusedLogin,
  ],
  ['has no ear for refused logins', { connection: () => ({ refusedLogins: undefined as never }) }, refusedLogin],
  [
    'tells of refused logins from before the mark',
    {
      connection: (sound) => ({
        refusedLogins: async (identity, mark, ctx) => sound.refusedLogins!(identity, mark === null ? null : '0', ctx),
      }),
    },
    refusedLogin,
  ],
  [
    'tells of the refused logins of others',
    {
      connection: (_, { target }) => ({
        refusedLogins: async (_identity, mark) => {
          const from = mark !== null && target.refused.length > Number(mark) ? ['192.0.2.1'] : [];
          return { kind: 'known', mark: `${target.refused.length}`, from };
        },
      }),
    },
    refusedLogin,
  ],
  [
    'says who was refused instead of from where',
    {
      connection: (sound) => ({
        refusedLogins: async (identity, mark, ctx) => {
          const answer = await sound.refusedLogins!(identity, mark, ctx);
          return answer.kind === 'known' ? { ...answer, from: answer.from.map(() => 'web-1') } : answer;
        },
      }),
    },
    refusedLogin,
  ],
];
