import type { Edit } from '../support/source-copy.js';

/** A rule of the engine, taken away in a copy of the source: what the search must then find. */
export interface Takeaway extends Edit {
  /** The world of `takeawayWorlds` in which it is missed. */
  readonly name: string;
  /** The invariant that breaks. */
  readonly breaks: string;
  /** What stands behind it, and is taken away with it. */
  readonly also?: readonly Edit[];
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
    // Epochs that a new era leaves out are newer by themselves.
    also: [
      {
        file: 'src/adapters/memory/state.ts',
        find: 'this.#epoch += EPOCHS_LEFT_OUT;',
        replace: 'void EPOCHS_LEFT_OUT;',
      },
    ],
  },
  {
    name: 'entry',
    file: 'src/core/decide.ts',
    find: "if (facts.era > state.era) return record({ kind: 'EraEntered', era: facts.era });",
    replace: '',
    breaks: 'I4',
  },
  {
    name: 'every act',
    file: 'src/core/rotation.ts',
    find: 'return state.steps[step] ?? (state.entered === null ? idle : idleAsFarAsKnown);',
    replace: 'return state.steps[step] ?? idle;',
    breaks: 'I4',
  },
  {
    name: 'seen anew',
    file: 'src/core/decide.ts',
    find: 'const isLost = state.entered?.stale.includes(step.guard.gate) === true;',
    replace: 'const isLost = state.entered?.stale.includes(step.name) === true;',
    breaks: 'I1',
  },
  {
    name: 'what is lost',
    file: 'src/core/settle.ts',
    find: 'return entered.atMs + Math.max(fence ? 0 : settleMs, plan.storeSettleMs) + cachedMs;',
    replace: 'return entered.atMs * (fence ? 0 : Math.min(0, settleMs + cachedMs));',
    breaks: 'I1',
  },
];
