import assert from 'node:assert/strict';
import { isKeyturnError } from '../core/errors.js';
import type { RotationEvent } from '../core/rotation-event.js';
import { Executor, type JournalCase, planFor, ttlMs } from './journal-harness.js';

const by = 'local:case';
const reason = 'a case';
const parked: RotationEvent = { kind: 'Parked', code: 'HELD', facts: {} };
const disabling: RotationEvent = { kind: 'StepIntended', step: 'disable', attempt: 1 };

/** Passes where the promise is rejected with this code. */
async function refused(code: string, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => isKeyturnError(error) && error.code === code);
}

/** What people do, as rotations feel it. Part of `journalCases`. */
export const operationsCases: readonly JournalCase[] = [
  {
    name: 'a command is pending from its writing to the commit that takes it',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('taken'));
      await harness.operations.command({ rotationId: 'taken-1', kind: 'cancel', by, reason });
      const loaded = await harness.journal.load('taken-1');
      const [command, ...more] = loaded?.surroundings.commands ?? [];
      assert.deepEqual({ ...command, id: 0 }, { id: 0, kind: 'cancel', by, reason });
      assert.equal(more.length, 0);
      const commandId = command?.id ?? 0;
      const { surroundings } = await executor.commit([
        { kind: 'CommandTaken', command: 'cancel', commandId, by, reason },
      ]);
      assert.deepEqual(surroundings.commands, []);
    },
  },
  {
    name: 'a command rings for a rotation that waits, and is not put off by a commit that has not seen it',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('rung'));
      await harness.operations.command({ rotationId: 'rung-1', kind: 'rollback', by, reason });
      await executor.commit([disabling], { dueInMs: 3_600_000 });
      await harness.leases.release({ secret: 'prod:/rung', epoch: executor.lease.fence.epoch });
      assert.deepEqual(
        (await harness.sweep.unattended(10, 30_000)).map(({ rotationId }) => rotationId),
        ['rung-1'],
      );
    },
  },
  {
    name: 'a command is refused where it comes too late',
    async run(harness) {
      const { operations } = harness;
      await refused('UNKNOWN_ROTATION', operations.command({ rotationId: 'nowhere', kind: 'cancel', by, reason }));
      const executor = await Executor.start(harness, planFor('late'));
      const command = { rotationId: 'late-1', by, reason };
      await refused('NOT_PARKED', operations.command({ ...command, kind: 'resume' }));
      await executor.commit([{ kind: 'DestroyDecided' }]);
      await refused('DECIDED_DESTROY', operations.command({ ...command, kind: 'cancel' }));
      await refused('DECIDED_DESTROY', operations.command({ ...command, kind: 'rollback' }));
      await executor.commit([{ kind: 'RotationClosed', status: 'completed' }]);
      await refused('ROTATION_ENDED', operations.command({ ...command, kind: 'resume' }));
    },
  },
  {
    name: 'a parked rotation that turns back may be resumed and need not be told to turn back',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('back'));
      await executor.commit([{ kind: 'RollbackDecided', code: 'CANCELLED', facts: {} }, parked], { dueInMs: null });
      const command = { rotationId: 'back-1', by, reason };
      await refused('DECIDED_ROLLBACK', harness.operations.command({ ...command, kind: 'rollback' }));
      await harness.operations.command({ ...command, kind: 'resume' });
      await harness.pass(ttlMs);
      assert.equal((await harness.sweep.unattended(10, 30_000)).length, 1);
    },
  },
  {
    name: 'a hold stops a guarded commit that was judged before it, and its release another',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('held'));
      const { surroundings } = await executor.commit([{ kind: 'GateOpened', step: 'drain' }]);
      const guard = { guardSeq: surroundings.guardSeq, notBeforeMs: 0, notAfterMs: surroundings.nowMs + ttlMs };
      assert.deepEqual(await harness.operations.hold({ secret: 'prod:/held', by, reason }), { kind: 'held' });
      const stale = await executor.append([disabling], { guard });
      assert.ok(stale.kind === 'stale' && stale.surroundings.held);
      const again = { ...guard, guardSeq: stale.surroundings.guardSeq };
      await harness.operations.release({ secret: 'prod:/held', by, reason });
      const released = await executor.append([disabling], { guard: again });
      assert.ok(released.kind === 'stale' && !released.surroundings.held);
      await executor.commit([disabling], { guard: { ...guard, guardSeq: released.surroundings.guardSeq } });
    },
  },
  {
    name: 'a command stops a guarded commit that was judged before it',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('overtaken'));
      const { surroundings } = await executor.commit([{ kind: 'GateOpened', step: 'watch' }]);
      const guard = { guardSeq: surroundings.guardSeq, notBeforeMs: 0, notAfterMs: surroundings.nowMs + ttlMs };
      await harness.operations.command({ rotationId: 'overtaken-1', kind: 'cancel', by, reason });
      const stale = await executor.append([{ kind: 'DestroyDecided' }], { guard });
      assert.ok(stale.kind === 'stale');
      assert.deepEqual(
        stale.surroundings.commands.map(({ kind }) => kind),
        ['cancel'],
      );
    },
  },
  {
    name: 'a guard that rests on facts too old is stale by the database time',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('old'));
      const { surroundings } = await executor.commit([{ kind: 'GateOpened', step: 'drain' }]);
      const guard = { guardSeq: surroundings.guardSeq, notBeforeMs: 0, notAfterMs: surroundings.nowMs - 1 };
      assert.equal((await executor.append([disabling], { guard })).kind, 'stale');
    },
  },
  {
    name: 'a guard that rests on facts of later than now is stale: the database time went back',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('ahead'));
      const { surroundings } = await executor.commit([{ kind: 'GateOpened', step: 'drain' }]);
      const notBeforeMs = surroundings.nowMs + ttlMs;
      const guard = { guardSeq: surroundings.guardSeq, notBeforeMs, notAfterMs: notBeforeMs + ttlMs };
      assert.equal((await executor.append([disabling], { guard })).kind, 'stale');
    },
  },
  {
    name: 'a hold says in flight while a disable or destroy is meant, and holds all the same',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('flight'));
      await executor.commit([disabling]);
      assert.deepEqual(await harness.operations.hold({ secret: 'prod:/flight', by, reason }), {
        kind: 'in-flight',
        rotationId: 'flight-1',
        step: 'disable',
      });
      const { surroundings } = await executor.commit([{ kind: 'StepDone', step: 'disable', output: {}, tookMs: 1 }]);
      assert.equal(surroundings.held, true);
      assert.deepEqual(await harness.operations.hold({ secret: 'prod:/flight', by, reason }), { kind: 'held' });
    },
  },
  {
    name: 'an unknown secret is not held',
    async run(harness) {
      await refused('UNKNOWN_SECRET', harness.operations.hold({ secret: 'prod:/nowhere', by, reason }));
    },
  },
  {
    name: 'a waiver is seen by its rotation and changes what a guard relies on',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('waived'));
      const before = (await harness.journal.load('waived-1'))?.surroundings.guardSeq ?? 0;
      const waiver = { rotationId: 'waived-1', consumer: 'billing', by, reason };
      await harness.operations.waive(waiver);
      await harness.operations.waive(waiver);
      const { surroundings } = await executor.commit([{ kind: 'GateOpened', step: 'drain' }]);
      assert.deepEqual(surroundings.waived, ['billing']);
      assert.ok(surroundings.guardSeq > before);
      await executor.commit([{ kind: 'RotationClosed', status: 'completed' }]);
      await refused('ROTATION_ENDED', harness.operations.waive(waiver));
    },
  },
  {
    name: 'a restored database begins a new era for every later lease',
    async run(harness) {
      const { lease } = await Executor.start(harness, planFor('era'));
      const { era } = await harness.operations.restored({ by, reason });
      assert.equal(era, lease.fence.era + 1);
      const later = await Executor.start(harness, planFor('era'));
      assert.equal(later.lease.fence.era, era);
      assert.ok(later.lease.fence.epoch > lease.fence.epoch);
      assert.equal((await harness.leases.newest()).era, era);
    },
  },
  {
    name: 'a restored database leaves out epochs that executors of what is lost may hold',
    async run(harness) {
      const { lease } = await Executor.start(harness, planFor('left-out'));
      await harness.operations.restored({ by, reason });
      const later = await Executor.start(harness, planFor('left-out'));
      assert.ok(later.lease.fence.epoch >= lease.fence.epoch + 10_000);
    },
  },
  {
    name: 'a rotation that is accepted in a later era says so, and need not enter it',
    async run(harness) {
      const { era } = await harness.operations.restored({ by, reason });
      const plan = planFor('later-era');
      await harness.intake.accept(plan, [plan.secret]);
      const [first] = (await harness.journal.load(plan.rotationId))?.events ?? [];
      assert.deepEqual(first?.event, { kind: 'RotationRequested', plan, era });
    },
  },
  {
    name: 'after a restored database the absence of a fence token is no refusal until one is raised again',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('known'));
      await executor.commit([{ kind: 'FenceRaised' }]);
      assert.equal((await Executor.start(harness, planFor('known'))).lease.fence.known, true);
      await harness.operations.restored({ by, reason });
      assert.equal((await Executor.start(harness, planFor('known'))).lease.fence.known, false);
    },
  },
];
