import type { Edit } from '../support/source-copy.js';

/** A rule of the engine, taken away in a copy of the source: what the search must then find. */
export interface Takeaway extends Edit {
  /** The world of `takeawayWorlds` in which it is missed. */
  readonly name: string;
  /** The invariant that breaks. */
  readonly breaks: string;
}

/** The rules of DESIGN section 5 that were found by search, each taken away once. */
export const takeaways: readonly Takeaway[] = [
  {
    name: 'raise',
    file: 'src/core/decide.ts',
    find: 'if (!state.plan.capabilities.fence || state.raisedEpoch === facts.epoch) return undefined;',
    replace: 'if (facts.epoch > 0) return undefined;',
    breaks: 'I4',
  },
  {
    name: 'settle',
    file: 'src/core/decide.ts',
    find: 'capabilities.fence ? 0 : each.intendedMs + capabilities.settleMs',
    replace: '0',
    breaks: 'I4',
  },
  {
    name: 'content',
    file: 'src/core/compensation-guard.ts',
    find: 'if (current.identity === created.identity)',
    replace: 'if (current.identity === undefined)',
    breaks: 'I1',
  },
  {
    name: 'era',
    file: 'src/core/fence.ts',
    find: 'return a.era - b.era || a.epoch - b.epoch;',
    replace: 'return a.epoch - b.epoch;',
    breaks: 'I1',
  },
];
