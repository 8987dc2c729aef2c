import type { Facts } from '../core/decide.js';
import { derive } from '../core/derive.js';
import { naming } from '../core/plan.js';
import { type RotationState, evolve, fold, isOpen } from '../core/rotation.js';
import type { Recorded, RotationEvent } from '../core/rotation-event.js';
import type { Append, Appended, SealedValue, Surroundings } from '../ports/journal.js';
import type { FenceToken } from '../core/fence.js';

/** How a commit ended, for the engine. */
export type Committed = 'committed' | 'stale' | 'lost' | 'claimed';

/**
 * One executor's view of a rotation: what is committed, and what it is about to commit.
 *
 * Events are collected and committed together right before the next thing happens outside, so that one commit closes
 * a step and opens the next, and nothing ever happens outside before its intent is written.
 */
export class Session {
  #committed: RotationState;
  /** The committed state with what is pending; null: to be folded anew. */
  #state: RotationState | null = null;
  #pending: RotationEvent[] = [];
  #sealed: SealedValue[] = [];
  #claims: string[] = [];
  #guard: (NonNullable<Append['guard']> & { readonly from: number }) | null = null;
  #surroundings: Surroundings;
  #refusedMs: number | null = null;

  constructor(
    loaded: { readonly events: readonly Recorded[]; readonly surroundings: Surroundings },
    readonly fence: FenceToken & { readonly known: boolean },
  ) {
    this.#committed = fold(loaded.events);
    this.#surroundings = loaded.surroundings;
  }

  /** The state with what is pending, as if it were committed now. */
  get state(): RotationState {
    this.#state ??= this.#folded(this.#committed, this.#pending);
    return this.#state;
  }

  #folded(from: RotationState, events: readonly RotationEvent[]): RotationState {
    const { nowMs: atMs } = this.#surroundings;
    return events.reduce(
      (state, event) => evolve(state, { seq: state.seq + 1, atMs, epoch: this.fence.epoch, event }),
      from,
    );
  }

  get facts(): Facts {
    const { nowMs, held, waived, guardSeq, commands } = this.#surroundings;
    return {
      epoch: this.fence.epoch,
      era: this.fence.era,
      nowMs,
      held,
      waived,
      guardSeq,
      commands,
      refusedMs: this.#refusedMs,
    };
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  record(events: readonly RotationEvent[], guard?: Append['guard']): void {
    if (guard !== undefined) this.#guard = { ...guard, from: this.#pending.length };
    this.#state = this.#folded(this.state, events);
    this.#pending.push(...events);
  }

  seal(values: readonly SealedValue[]): void {
    this.#sealed.push(...values);
  }

  claim(keys: readonly string[]): void {
    this.#claims.push(...keys);
  }

  /** The commit of everything pending. `dueInMs`: when to look again if this worker dies after it. */
  batch(dueInMs: number | null): Append {
    const { derived } = derive(this.#committed, this.#pending, this.fence.epoch);
    return {
      rotationId: this.#committed.plan.rotationId,
      epoch: this.fence.epoch,
      expectedSeq: this.#committed.seq,
      events: [...this.#pending],
      derived,
      sealed: [...this.#sealed],
      dueInMs: isOpen(derived.status) && derived.status !== 'parked' ? dueInMs : null,
      ...(this.#guard === null
        ? {}
        : {
            guard: {
              guardSeq: this.#guard.guardSeq,
              notBeforeMs: this.#guard.notBeforeMs,
              notAfterMs: this.#guard.notAfterMs,
            },
          }),
      ...(this.#claims.length === 0 ? {} : { claims: [...this.#claims] }),
    };
  }

  /** Takes in how the commit ended. After `stale` the guarded events are gone and the rest is pending still. */
  settle(appended: Appended): Committed {
    this.#state = null;
    switch (appended.kind) {
      case 'appended':
        this.#committed = this.#pending.reduce(
          (state, event) => evolve(state, { seq: state.seq + 1, atMs: appended.atMs, epoch: this.fence.epoch, event }),
          this.#committed,
        );
        this.#surroundings = appended.surroundings;
        this.#refusedMs = null;
        this.#clear();
        return 'committed';
      case 'stale':
        this.#surroundings = appended.surroundings;
        this.#refusedMs = appended.surroundings.nowMs;
        this.#pending.length = this.#guard?.from ?? 0;
        this.#guard = null;
        return 'stale';
      case 'claimed':
        this.#clear();
        this.#pending.push({
          kind: 'RollbackDecided',
          code: 'PRINCIPAL_BUSY',
          facts: { ...naming(this.#committed.plan), rotation: appended.rotationId, key: appended.key },
        });
        return 'claimed';
      case 'lost':
      case 'decided':
        return 'lost';
      default:
        return appended satisfies never;
    }
  }

  #clear(): void {
    this.#pending = [];
    this.#sealed = [];
    this.#claims = [];
    this.#guard = null;
  }
}
