import { type FenceToken, type RotatorContext, judgeFence, keyturnError } from 'keyturn/rotator';
import type { Planted } from './planted.js';

/** Stubs whose fence is none. */
export const fencingDeviations: readonly Planted[] = [
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
  [
    'keeps its fence in its own process',
    {
      connection: (sound) => {
        let token: FenceToken | null = null;
        const fenced = (ctx: RotatorContext): RotatorContext => {
          const verdict = judgeFence(token, ctx.fence);
          if (verdict === 'stale') throw keyturnError('STALE_EPOCH', { secret: ctx.secret });
          if (verdict === 'missing') throw keyturnError('FENCE_MISSING', { secret: ctx.secret });
          token = ctx.fence;
          // The target is told nothing that it could compare.
          return { ...ctx, fence: { era: 9, epoch: 9, known: false } };
        };
        return {
          create: async (proposal, ctx) => sound.create(proposal, fenced(ctx)),
          disable: async (identity, ctx) => sound.disable(identity, fenced(ctx)),
          enable: async (identity, ctx) => sound.enable(identity, fenced(ctx)),
          destroy: async (identity, provenance, ctx) => sound.destroy(identity, provenance, fenced(ctx)),
          raise: async (ctx) => sound.raise(fenced(ctx)),
        };
      },
    },
    'once the fence is raised, an older epoch changes nothing',
    'a later era is newer than any epoch of an earlier one',
  ],
  [
    'switches on behind the fence',
    {
      connection: (sound, { target }) => ({
        enable: async (identity, ctx) => {
          const newest = target.tokens.get(ctx.secret) ?? ctx.fence;
          return sound.enable(identity, { ...ctx, fence: { ...newest, known: false } });
        },
      }),
    },
    'once the fence is raised, an older epoch changes nothing',
  ],
];
