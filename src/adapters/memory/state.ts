import { type ErrorCode, keyturnError } from '../../core/errors.js';
import type { Plan } from '../../core/plan.js';
import { isOpen } from '../../core/rotation.js';
import type { Recorded, RotationEvent } from '../../core/rotation-event.js';
import type { Accepted, Append, Appended, Lease, PendingCommand, Surroundings } from '../../ports/journal.js';
import type { MemoryClock } from './clock.js';
import { type LeaseRow, type RotationRow, type SecretRow, type TargetRow, copied, copiedRotation } from './rows.js';

/** Failures in a row after which a target is left alone, and for how long before one probe. */
const BREAKER_FAILURES = 5;
const BREAKER_PROBE_MS = 30_000;

/** How many epochs a new era leaves out. */
const EPOCHS_LEFT_OUT = 10_000;

/**
 * Journal, intake, leases and what people do, in memory and at once: the same obligations as the PostgreSQL adapter,
 * for tests and simulations. Every member is one transaction, because nothing can come in between.
 */
export class MemoryState {
  #rotations = new Map<string, RotationRow>();
  #secrets = new Map<string, SecretRow>();
  #targets = new Map<string, TargetRow>();
  #leases = new Map<string, LeaseRow>();
  #epoch = 0;
  #era = 1;
  #commandId = 0;

  constructor(readonly clock: MemoryClock) {}

  // Intake

  accept(plan: Plan, claims: readonly string[]): Accepted {
    if (this.#rotations.has(plan.rotationId)) return { kind: 'accepted', rotationId: plan.rotationId };
    const open = [...this.#rotations.values()].find((each) => each.plan.secret === plan.secret && isOpen(each.status));
    if (open !== undefined) return { kind: 'open', rotationId: open.plan.rotationId };
    const taken = this.#claimed(claims, plan.rotationId);
    if (taken !== null) return { kind: 'claimed', ...taken };
    this.#rotations.set(plan.rotationId, {
      plan,
      events: [{ seq: 1, atMs: this.clock.nowMs(), epoch: 0, event: this.#requested(plan) }],
      commands: [],
      waived: new Set(),
      sealed: new Map(),
      claims: new Set(claims),
      status: 'running',
      step: '',
      decision: null,
      commandId: 0,
      dueMs: this.clock.nowMs(),
      rungMs: null,
      rings: 0,
    });
    this.#secret(plan.secret);
    return { kind: 'accepted', rotationId: plan.rotationId };
  }

  #requested(plan: Plan): RotationEvent {
    return { kind: 'RotationRequested', plan, ...(this.#era === 1 ? {} : { era: this.#era }) };
  }

  /** Ends a rotation where it stands, as if it had closed: for tests that are about something else. */
  abandon(rotationId: string): void {
    const row = this.#row(rotationId);
    row.status = 'cancelled';
    row.claims.clear();
    row.sealed.clear();
  }

  // Journal

  load(rotationId: string): { readonly events: readonly Recorded[]; readonly surroundings: Surroundings } | null {
    const row = this.#rotations.get(rotationId);
    return row === undefined ? null : { events: [...row.events], surroundings: this.#surroundings(row) };
  }

  append(append: Append): Appended {
    const row = this.#rotations.get(append.rotationId);
    const seq = row?.events.at(-1)?.seq ?? 0;
    if (
      row === undefined ||
      !isOpen(row.status) ||
      seq !== append.expectedSeq ||
      !this.holds(row.plan.secret, append.epoch)
    ) {
      return { kind: 'lost' };
    }
    const surroundings = this.#surroundings(row);
    if (
      append.guard !== undefined &&
      (append.guard.guardSeq !== surroundings.guardSeq ||
        surroundings.nowMs < append.guard.notBeforeMs ||
        surroundings.nowMs > append.guard.notAfterMs)
    ) {
      return { kind: 'stale', surroundings };
    }
    const decision = decisionOf(append);
    if (decision !== null && row.decision !== null && row.decision !== decision)
      return { kind: 'decided', decision: row.decision };
    const taken = this.#claimed(append.claims ?? [], append.rotationId);
    if (taken !== null) return { kind: 'claimed', ...taken };
    return this.#commit(row, append, decision);
  }

  #commit(row: RotationRow, append: Append, decision: 'roll-back' | 'destroy' | null): Appended {
    const atMs = this.clock.nowMs();
    row.decision = decision ?? row.decision;
    for (const key of append.claims ?? []) row.claims.add(key);
    for (const event of append.events) {
      row.events.push({ seq: (row.events.at(-1)?.seq ?? 0) + 1, atMs, epoch: append.epoch, event });
      if (event.kind === 'CommandTaken') row.commandId = Math.max(row.commandId, event.commandId);
    }
    for (const { slot, sealed } of append.sealed) row.sealed.set(slot, sealed);
    row.status = append.derived.status;
    row.step = append.derived.step;
    row.rungMs = null;
    const waiting = row.commands.some((each) => each.id > row.commandId);
    row.dueMs = append.dueInMs === null && !waiting ? null : atMs + (waiting ? 0 : (append.dueInMs ?? 0));
    if (append.derived.fenced) this.#secret(row.plan.secret).fenceKnown = true;
    if (!isOpen(row.status)) {
      row.claims.clear();
      row.sealed.clear();
      row.dueMs = null;
    }
    return { kind: 'appended', seq: row.events.at(-1)?.seq ?? 0, atMs, surroundings: this.#surroundings(row) };
  }

  // Leases

  acquire(request: { readonly rotationId: string; readonly holder: string; readonly ttlMs: number }): Lease {
    const row = this.#rotations.get(request.rotationId);
    if (row === undefined) return { kind: 'unknown-rotation' };
    const { secret } = row.plan;
    const now = this.clock.nowMs();
    const lease = this.#leases.get(secret);
    if (lease !== undefined && this.#isLive(lease) && lease.holder !== request.holder)
      return { kind: 'busy', againInMs: lease.expiresMs - now };
    const refused = this.#targetRefuses(row.plan, now);
    if (refused !== null) return refused;
    this.#epoch += 1;
    this.#leases.set(secret, {
      rotationId: request.rotationId,
      holder: request.holder,
      epoch: this.#epoch,
      target: targetKey(row.plan),
      expiresMs: now + request.ttlMs,
      released: false,
    });
    return {
      kind: 'granted',
      secret,
      fence: { era: this.#era, epoch: this.#epoch, known: this.#secret(secret).fenceKnown },
    };
  }

  renew({
    secret,
    epoch,
    ttlMs,
  }: {
    readonly secret: string;
    readonly epoch: number;
    readonly ttlMs: number;
  }): boolean {
    const lease = this.#leases.get(secret);
    if (lease === undefined || !this.holds(secret, epoch)) return false;
    lease.expiresMs = this.clock.nowMs() + ttlMs;
    return true;
  }

  release({ secret, epoch }: { readonly secret: string; readonly epoch: number }): void {
    const lease = this.#leases.get(secret);
    if (lease !== undefined && lease.epoch === epoch) lease.released = true;
  }

  newest(): { readonly era: number; readonly epoch: number } {
    return { era: this.#era, epoch: this.#epoch };
  }

  report(target: { readonly environment: string; readonly target: string }, outcome: 'answered' | 'unreachable'): void {
    const row = this.#target(targetKey(target));
    const nowMs = this.clock.nowMs();
    row.failures = outcome === 'answered' ? 0 : row.failures + 1;
    // Failures of others do not put the next probe off.
    if (row.failures <= BREAKER_FAILURES || row.probeMs <= nowMs) row.probeMs = nowMs + BREAKER_PROBE_MS;
  }

  /** True while this epoch holds the secret's lease: what the memory store asks before it writes. */
  holds(secret: string, epoch: number): boolean {
    const lease = this.#leases.get(secret);
    return lease !== undefined && lease.epoch === epoch && this.#isLive(lease);
  }

  // What people do

  command({ rotationId, kind, by, reason }: { readonly rotationId: string } & Omit<PendingCommand, 'id'>): void {
    const row = this.#row(rotationId);
    const refused = refusal(row, kind);
    if (refused !== null) throw keyturnError(refused, { rotation: rotationId, status: row.status });
    this.#commandId += 1;
    row.commands.push({ id: this.#commandId, kind, by, reason });
    // A revocation that was judged before it is judged again: an accepted cancel must not be overtaken by destroying.
    this.#secret(row.plan.secret).guardSeq += 1;
    row.dueMs = this.clock.nowMs();
    row.rungMs = null;
  }

  hold(
    secret: string,
    held: boolean,
  ): { readonly kind: 'held' } | { readonly kind: 'in-flight'; readonly rotationId: string; readonly step: string } {
    const row = this.#secrets.get(secret);
    if (row === undefined) throw keyturnError('UNKNOWN_SECRET', { secret });
    row.held = held;
    row.guardSeq += 1;
    const open = [...this.#rotations.values()].find((each) => each.plan.secret === secret && isOpen(each.status));
    const last = open?.events.at(-1)?.event;
    const revoking = last?.kind === 'StepIntended' && (last.step === 'disable' || last.step === 'destroy');
    return open !== undefined && revoking
      ? { kind: 'in-flight', rotationId: open.plan.rotationId, step: last.step }
      : { kind: 'held' };
  }

  waive({ rotationId, consumer }: { readonly rotationId: string; readonly consumer: string }): void {
    const row = this.#row(rotationId);
    if (!isOpen(row.status)) throw keyturnError('ROTATION_ENDED', { rotation: rotationId, status: row.status });
    row.waived.add(consumer);
    this.#secret(row.plan.secret).guardSeq += 1;
  }

  restored(): { readonly era: number } {
    this.#era += 1;
    // The lost stretch has given out epochs that we know nothing of, and its executors may still hold them.
    this.#epoch += EPOCHS_LEFT_OUT;
    // What a person has vouched for: a token that is missing now was removed or restored, and is put anew.
    for (const row of this.#secrets.values()) row.fenceKnown = false;
    return { era: this.#era };
  }

  bound({
    concurrency,
    ...target
  }: {
    readonly environment: string;
    readonly target: string;
    readonly concurrency: number;
  }): void {
    this.#target(targetKey(target)).concurrency = concurrency;
  }

  /**
   * Takes a backup: everything but the clock. *Returns* what restores it, as a fail-over to an older database does.
   * *Repeat*: it may be restored any number of times.
   */
  backUp(): () => void {
    const rotations = copied(this.#rotations, copiedRotation);
    const [secrets, targets, leases] = [copied(this.#secrets), copied(this.#targets), copied(this.#leases)];
    const [epoch, era, commandId] = [this.#epoch, this.#era, this.#commandId];
    return () => {
      this.#rotations = copied(rotations, copiedRotation);
      this.#secrets = copied(secrets);
      this.#targets = copied(targets);
      this.#leases = copied(leases);
      [this.#epoch, this.#era, this.#commandId] = [epoch, era, commandId];
    };
  }

  // The sweep

  unattended(
    limit: number,
    quietMs: number,
  ): readonly { readonly rotationId: string; readonly key: string; readonly urgent: boolean }[] {
    const now = this.clock.nowMs();
    const found = [...this.#rotations.values()].filter((row) => {
      const lease = this.#leases.get(row.plan.secret);
      const attended = lease !== undefined && this.#isLive(lease);
      return (
        isOpen(row.status) &&
        row.dueMs !== null &&
        row.dueMs <= now &&
        !attended &&
        (row.rungMs === null || row.rungMs <= now - quietMs)
      );
    });
    return found.slice(0, limit).map((row) => {
      row.rungMs = now;
      row.rings += 1;
      return { rotationId: row.plan.rotationId, key: `${row.events.length}-${row.rings}`, urgent: false };
    });
  }

  /** When the next open rotation is due or its lease ends; undefined: none. Milliseconds since 1970. */
  nextDueMs(): number | undefined {
    const times = [...this.#rotations.values()].flatMap((row) => {
      if (!isOpen(row.status) || row.dueMs === null) return [];
      const lease = this.#leases.get(row.plan.secret);
      return [Math.max(row.dueMs, lease !== undefined && this.#isLive(lease) ? lease.expiresMs : 0)];
    });
    return times.length === 0 ? undefined : Math.min(...times);
  }

  // Sealed values

  sealed(rotationId: string, slot: string): Uint8Array | undefined {
    return this.#rotations.get(rotationId)?.sealed.get(slot);
  }

  sealedSlots(rotationId: string): readonly string[] {
    return [...(this.#rotations.get(rotationId)?.sealed.keys() ?? [])].sort();
  }

  #row(rotationId: string): RotationRow {
    const row = this.#rotations.get(rotationId);
    if (row === undefined) throw keyturnError('UNKNOWN_ROTATION', { rotation: rotationId });
    return row;
  }

  #surroundings(row: RotationRow): Surroundings {
    const { held, guardSeq } = this.#secret(row.plan.secret);
    return {
      nowMs: this.clock.nowMs(),
      held,
      waived: [...row.waived].sort(),
      guardSeq,
      commands: row.commands.filter((each) => each.id > row.commandId),
    };
  }

  #claimed(keys: readonly string[], rotationId: string): { readonly rotationId: string; readonly key: string } | null {
    for (const row of this.#rotations.values()) {
      if (row.plan.rotationId === rotationId || !isOpen(row.status)) continue;
      const key = keys.find((each) => row.claims.has(each));
      if (key !== undefined) return { rotationId: row.plan.rotationId, key };
    }
    return null;
  }

  #targetRefuses(plan: Plan, now: number): Lease | null {
    const key = targetKey(plan);
    const target = this.#target(key);
    const others = [...this.#leases].filter(
      ([secret, lease]) => secret !== plan.secret && lease.target === key && this.#isLive(lease),
    );
    if (target.concurrency !== null && others.length >= target.concurrency) return { kind: 'full', againInMs: 1_000 };
    if (target.failures < BREAKER_FAILURES) return null;
    if (target.probeMs > now) return { kind: 'broken', againInMs: target.probeMs - now };
    target.probeMs = now + BREAKER_PROBE_MS;
    return null;
  }

  #isLive(lease: LeaseRow): boolean {
    return !lease.released && lease.expiresMs > this.clock.nowMs();
  }

  #secret(secret: string): SecretRow {
    return entry(this.#secrets, secret, () => ({ held: false, guardSeq: 0, fenceKnown: false }));
  }

  #target(key: string): TargetRow {
    return entry(this.#targets, key, () => ({ concurrency: null, failures: 0, probeMs: 0 }));
  }
}

function targetKey({ environment, target }: { readonly environment: string; readonly target: string }): string {
  return `${environment}:${target}`;
}

function decisionOf(append: Append): 'roll-back' | 'destroy' | null {
  if (append.events.some((each) => each.kind === 'DestroyDecided')) return 'destroy';
  return append.events.some((each) => each.kind === 'RollbackDecided') ? 'roll-back' : null;
}

function refusal(row: RotationRow, kind: PendingCommand['kind']): ErrorCode | null {
  if (!isOpen(row.status)) return 'ROTATION_ENDED';
  if (kind === 'resume') return row.status === 'parked' ? null : 'NOT_PARKED';
  if (row.decision === 'destroy') return 'DECIDED_DESTROY';
  return row.decision === 'roll-back' ? 'DECIDED_ROLLBACK' : null;
}

function entry<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}
