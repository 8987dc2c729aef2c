import type { StepShape, WorkflowShape } from './decide.js';
import { type RotationState, type Unsettled, orphaned } from './rotation.js';

/** Every effect that may still happen, or may have happened without anybody having written it down. */
export function outstanding(workflow: WorkflowShape, state: RotationState, epoch: number): readonly Unsettled[] {
  return [...orphaned(state, epoch), ...lostEffects(workflow, state)];
}

/**
 * What a lost stretch of the journal may have asked for: anything the workflow can do, at the latest right before the new
 * era was entered. In the direction it goes, because what it waits for is on behalf of a step that can go there.
 */
function lostEffects({ steps }: WorkflowShape, { entered, status }: RotationState): readonly Unsettled[] {
  if (entered === null) return [];
  const { epoch, atMs: intendedMs } = entered;
  return steps
    .filter(({ kind }) => kind === 'act' || (kind === 'final' && status !== 'rolling_back'))
    .map(({ name }) => ({ step: name, epoch: epoch - 1, intendedMs }));
}

/**
 * Until when nothing that changes anything may be meant: what is lost may have proposed another value, made it live and
 * moved the label onto it, and any of that may still arrive. Nothing is made live beside the old one, in the place of what
 * is lost, while an application may still hold that from its cache. Milliseconds since 1970; 0: at once.
 */
export function lostUntilMs(step: Exclude<StepShape, { kind: 'gate' }>, { entered, plan }: RotationState): number {
  if (entered === null || step.touches.length === 0) return 0;
  const { fence, settleMs, overlap } = plan.capabilities;
  const makes = step.kind === 'act' && step.guard === undefined && step.touches.includes('target');
  const cachedMs = makes && overlap === 'two-live' ? Math.max(0, ...plan.consumers.map((each) => each.cacheTtlMs)) : 0;
  return entered.atMs + Math.max(fence ? 0 : settleMs, plan.storeSettleMs) + cachedMs;
}
