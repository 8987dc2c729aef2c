import type { Recorded } from '../../core/rotation-event.js';
import type { Views } from '../../ports/operations.js';
import { isDone } from './follow-rotation.js';
import { type DemoState, type DemoStore, names } from './parts.js';
import { type WaitOptions, until } from './waiting.js';
import type { DemoWorker, Workers } from './workers.js';

/** A worker that was killed while it held the lease. */
export interface Killed {
  readonly worker: DemoWorker;
  /** The epoch it worked under. */
  readonly epoch: number;
  /** Its lease as it was left behind, for so long. Milliseconds. */
  readonly expiresInMs: number;
  /** The newest event of the journal when it was killed. */
  readonly afterSeq: number;
}

/**
 * Kills the worker that holds the lease, by SIGKILL, once the journal says that `create` is done.
 *
 * Nobody helps: the journal and the lease's row are read as anybody may read them. The worker is stopped first
 * (SIGSTOP), so that it cannot let go between the look at the row and the kill; one that has let go is sent on, and the
 * next look is taken. So is one that has meant to write to a Parameter Store: what it may have sent could arrive for six
 * minutes, and for so long its successor would wait. *Errors* `DEMO_BROKEN_OFF`.
 */
export async function killHolder(
  { views }: DemoState,
  workers: Workers,
  { rotationId, store, wait }: { readonly rotationId: string; readonly store: DemoStore; readonly wait: WaitOptions },
): Promise<Killed> {
  return until(
    'a worker holds the lease after create',
    async () => {
      const events = await views.events(rotationId, 0);
      if (!isDone(events, 'create') || isDone(events, 'destroy')) return undefined;
      const seen = await views.leaseHolder(names.secret);
      const worker = seen === null ? undefined : workers.holding(seen.holder);
      if (seen === null || worker === undefined) return undefined;
      worker.child.kill('SIGSTOP');
      const lease = await settledLease(views);
      const left = await views.events(rotationId, 0);
      const isWriting = store === 'ssm' && writesToStore(left);
      if (lease?.holder !== worker.holder || lease.epoch !== seen.epoch || isWriting) {
        worker.child.kill('SIGCONT');
        return undefined;
      }
      worker.child.kill('SIGKILL');
      await worker.ended;
      return { worker, epoch: lease.epoch, expiresInMs: lease.expiresInMs, afterSeq: left.at(-1)?.seq ?? 0 };
    },
    { ...wait, everyMs: 5 },
  );
}

/** Whether the last thing this rotation meant to do is a write to the store that nobody has heard of since. */
function writesToStore(events: readonly Recorded[]): boolean {
  const last = events.at(-1)?.event;
  return last?.kind === 'StepIntended' && (last.step === 'stage' || last.step === 'promote');
}

/** What it sent before it was stopped may still be on its way: the row counts once two looks apart agree. */
async function settledLease(views: Views): ReturnType<Views['leaseHolder']> {
  const first = await views.leaseHolder(names.secret);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const second = await views.leaseHolder(names.secret);
  return first?.epoch === second?.epoch ? second : null;
}

/** Waits until another worker has taken the lease over. *Returns* its holder. */
export async function takenOver(state: DemoState, killed: Killed, wait: WaitOptions): Promise<string> {
  return until(
    'another worker takes over',
    async () => {
      const lease = await state.views.leaseHolder(names.secret);
      return lease !== null && lease.epoch > killed.epoch ? lease.holder : undefined;
    },
    wait,
  );
}
