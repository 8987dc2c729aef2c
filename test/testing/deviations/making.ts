import { randomBytes } from 'node:crypto';
import { Secret, keyturnError } from 'keyturn/rotator';
import type { Planted } from './planted.js';

/** Stubs that go wrong where a credential comes to be. */
export const makingDeviations: readonly Planted[] = [
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
    'proposes a short value',
    {
      connection: (sound) => ({
        propose: async (current, ctx) => ({ ...(await sound.propose(current, ctx)), value: Secret.fromText('short') }),
      }),
    },
    'where the value is ours it has at least 128 bits, and is another one each time',
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
    'takes over what another rotation has made',
    {
      connection: (sound, { target }) => ({
        create: async (proposal, ctx) => {
          const found = target.entries().get(proposal.identity);
          if (found?.tag?.secret === ctx.secret) found.tag = { secret: ctx.secret, rotation: ctx.rotationId };
          return sound.create(proposal, ctx);
        },
      }),
    },
    'a principal that another rotation uses is refused',
  ],
  [
    'keeps two of its own, and makes room by age',
    {
      connection: (sound, { target }) => ({
        create: async (proposal, ctx) => {
          const others = [...target.entries()].filter(
            ([identity, { tag }]) => tag?.secret === ctx.secret && identity !== proposal.identity,
          );
          const [oldest, second] = others.sort(([, one], [, other]) => one.madeAt - other.madeAt);
          if (oldest !== undefined && second !== undefined) target.entries().delete(oldest[0]);
          return sound.create(proposal, ctx);
        },
      }),
    },
    'a further credential takes the place of none: by identity, never by age',
  ],
];
