import type { Facts, Moment } from './decide.js';
import type { Json } from './json.js';
import type { Plan } from './plan.js';
import { type RotationState, stepState } from './rotation.js';

/** What a step's functions are told, from the state alone. */
export function contextOf(
  state: RotationState,
  facts: Pick<Facts, 'nowMs' | 'held' | 'waived' | 'guardSeq'>,
  step: string,
): {
  readonly plan: Plan;
  readonly before: Readonly<Record<string, Json>>;
  readonly moment: Moment;
  readonly rewound: boolean;
} {
  const before: Record<string, Json> = {};
  const doneMs: Record<string, number> = {};
  for (const [name, each] of Object.entries(state.steps)) {
    // On the way back, what was done once tells what to take back, though it was meant anew (a replaced value) since.
    const isTold = state.status === 'rolling_back' && each.output !== null;
    // An open gate keeps what it saw in the place of what it hands on.
    if (each.phase === 'open' || ((each.phase === 'idle' || each.phase === 'intended') && !isTold)) continue;
    before[name] = each.output;
    doneMs[name] = each.doneMs;
  }
  const { nowMs, held, waived, guardSeq } = facts;
  const { openedMs, acceptedMs } = stepState(state, step);
  return {
    plan: state.plan,
    before,
    rewound: state.entered !== null,
    moment: { nowMs, held, waived, guardSeq, doneMs, openedMs, acceptedMs },
  };
}
