import { isOpen } from '../../src/core/rotation.js';
import type { EngineRequest } from '../../src/engine/request.js';
import type { Append } from '../../src/ports/journal.js';
import type { World } from './world.js';

/** What the search looks for: what must never be, by what is true in the world. Null: all is well. */
export type Finding = string | null;

/** I1, I4, I12 by ground truth, after every edge. `atRest`: nobody works, and nothing that was sent can still arrive. */
export function judge(world: World, atRest: boolean): Finding {
  // A cancel that is lost leaves nothing behind that says so but an era, and nobody has noticed that it is another.
  if (world.truth.forgotten && world.bounds.commands > 0) return null;
  return currentWorks(world, atRest) ?? nothingLeftBehind(world) ?? endsAsDecided(world);
}

/**
 * I1: what `current` names is accepted. What is dead can never be mended; what is only switched off may be, where a
 * person moved the label at that moment, or where nothing at the target stops what was sent long ago.
 */
function currentWorks(world: World, atRest: boolean): Finding {
  const stored = world.read('current');
  if (stored === null) return 'I1: the label current is gone';
  if (world.truth.broken) return null;
  const credential = world.credential(stored);
  if (world.target.accepts(credential)) return null;
  const account = world.target.accounts().find((each) => each.identity === credential.identity);
  const mendable = account !== undefined && !account.dead && (world.truth.tampered || !world.bounds.fence);
  if (mendable && !atRest) return null;
  return `I1: current names ${credential.identity} of version ${stored.version}, which is refused`;
}

/** I4: once no rotation is open, what logs in is what `current` names, and it stays so. */
function nothingLeftBehind(world: World): Finding {
  if (isOpen(world.journal.status)) return null;
  const stored = world.read('current');
  const current = stored === null ? null : world.credential(stored).identity;
  const spare = world.target.accounts().find((each) => each.login && each.identity !== current);
  return spare === undefined ? null : `I4: ${spare.identity} logs in and nothing explains it`;
}

/** I12: who turned back has not destroyed, and who destroyed has not turned back. */
function endsAsDecided(world: World): Finding {
  const { status, plan, decision } = world.journal;
  const { decided } = world.truth;
  const both = decided.has(`${plan.rotationId} DestroyDecided`) && decided.has(`${plan.rotationId} RollbackDecided`);
  if (both && world.bounds.failOvers === 0) return `I12: ${plan.rotationId} has decided to destroy and to turn back`;
  const stored = world.read('current');
  if (stored === null || isOpen(status)) return null;
  const isNew = stored.rotationId === plan.rotationId;
  if (status === 'completed' && (!isNew || decision !== 'destroy'))
    return 'I12: it completed and current is not on the new one';
  if (status !== 'completed' && isNew) return 'I12: it turned back and current is on the new one';
  return null;
}

/** I2, at a commit that has just been made: what allows it to be disabled or destroyed is not a held secret. */
export function judgeCommit(world: World, { events, rotationId }: Append): Finding {
  const intent = events.find((each) => each.kind === 'StepIntended' && ['disable', 'destroy'].includes(each.step));
  if (intent?.kind !== 'StepIntended' || world.state.load(rotationId)?.surroundings.held !== true) return null;
  return `I2: ${intent.step} was meant while a person holds the secret`;
}

/** I2 and I12, right before the old credential is destroyed: it was decided, and the new one is named and works. */
export function judgeEffect(world: World, { port, method, args, authority }: EngineRequest): Finding {
  if (port !== 'target' || method !== 'destroy' || authority?.step !== 'destroy') return null;
  const [identity] = args;
  if (!world.truth.decided.has(`${authority.plan.rotationId} DestroyDecided`))
    return `I12: ${String(identity)} is destroyed and nobody has decided it`;
  return null;
}
