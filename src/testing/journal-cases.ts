import assert from 'node:assert/strict';
import type { RotationEvent } from '../core/rotation-event.js';
import { Executor, type JournalCase, type JournalHarness, planFor, ttlMs } from './journal-harness.js';
import { leaseCases } from './lease-cases.js';
import { operationsCases } from './operations-cases.js';

export type { JournalCase, JournalHarness } from './journal-harness.js';

const intended: RotationEvent = { kind: 'StepIntended', step: 'create', attempt: 1 };
const rollback: RotationEvent = { kind: 'RollbackDecided', code: 'CANCELLED', facts: { by: 'local:case' } };
const destroy: RotationEvent = { kind: 'DestroyDecided' };
const closed: RotationEvent = { kind: 'RotationClosed', status: 'completed' };
const bytes = Uint8Array.of(0, 1, 254, 255);

async function seqOf(harness: JournalHarness, rotationId: string): Promise<number | undefined> {
  return (await harness.journal.load(rotationId))?.events.at(-1)?.seq;
}

async function dueIds(harness: JournalHarness, quietMs = 0): Promise<readonly string[]> {
  return (await harness.sweep.unattended(100, quietMs)).map(({ rotationId }) => rotationId);
}

const intakeCases: readonly JournalCase[] = [
  {
    name: 'an accepted rotation begins with its request, epoch 0',
    async run(harness) {
      const plan = planFor('begin');
      assert.deepEqual(await harness.intake.accept(plan, [plan.secret]), { kind: 'accepted', rotationId: 'begin-1' });
      const loaded = await harness.journal.load('begin-1');
      assert.deepEqual(
        loaded?.events.map(({ seq, epoch, event }) => ({ seq, epoch, event })),
        [{ seq: 1, epoch: 0, event: { kind: 'RotationRequested', plan } }],
      );
      assert.deepEqual(
        { ...loaded?.surroundings, nowMs: 0 },
        { nowMs: 0, held: false, waived: [], guardSeq: 0, commands: [] },
      );
    },
  },
  {
    name: 'there is nothing to load of an unknown rotation',
    async run(harness) {
      assert.equal(await harness.journal.load('nowhere'), null);
    },
  },
  {
    name: 'of many requests for one secret one is accepted and the others are told its id',
    async run(harness) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, async (_, index) =>
          harness.intake.accept(planFor('crowd', { rotationId: `crowd-${index}` }), ['prod:/crowd']),
        ),
      );
      const [accepted, ...more] = answers.filter(({ kind }) => kind === 'accepted');
      assert.equal(more.length, 0);
      assert.deepEqual(
        answers.filter(({ kind }) => kind === 'open'),
        Array.from({ length: 19 }, () => ({ kind: 'open', rotationId: accepted?.rotationId })),
      );
    },
  },
  {
    name: 'a claim of another rotation refuses the request and leaves nothing of it',
    async run(harness) {
      await harness.intake.accept(planFor('first'), ['prod:/first', 'principal:app']);
      assert.deepEqual(await harness.intake.accept(planFor('second'), ['prod:/second', 'principal:app']), {
        kind: 'claimed',
        rotationId: 'first-1',
        key: 'principal:app',
      });
      assert.equal(await harness.journal.load('second-1'), null);
    },
  },
  {
    name: 'a rotation that was accepted before is accepted again, and nothing of it changes',
    async run(harness) {
      const plan = planFor('again');
      const executor = await Executor.start(harness, plan);
      assert.deepEqual(await harness.intake.accept(plan, [plan.secret]), { kind: 'accepted', rotationId: 'again-1' });
      await executor.commit([closed]);
      assert.deepEqual(await harness.intake.accept(plan, [plan.secret]), { kind: 'accepted', rotationId: 'again-1' });
      assert.equal(await seqOf(harness, 'again-1'), 2);
    },
  },
  {
    name: 'a closed rotation gives its secret and its claims back',
    async run(harness) {
      await harness.intake.accept(planFor('giver'), ['prod:/giver', 'principal:app']);
      const executor = await Executor.start(harness, planFor('giver'));
      await executor.commit([closed]);
      const again = planFor('giver', { rotationId: 'giver-2' });
      assert.equal((await harness.intake.accept(again, ['prod:/giver', 'principal:app'])).kind, 'accepted');
    },
  },
];

const appendCases: readonly JournalCase[] = [
  {
    name: 'events are given back as they were appended, in their order',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('order'));
      const done: RotationEvent = { kind: 'StepDone', step: 'propose', output: { a: [1, null, 'ü'] }, tookMs: 1.5 };
      const { seq, atMs } = await executor.commit([{ ...intended, step: 'propose' }, done, intended]);
      assert.equal(seq, 4);
      const { epoch } = executor.lease.fence;
      assert.deepEqual((await harness.journal.load('order-1'))?.events.slice(1), [
        { seq: 2, atMs, epoch, event: { ...intended, step: 'propose' } },
        { seq: 3, atMs, epoch, event: done },
        { seq: 4, atMs, epoch, event: intended },
      ]);
    },
  },
  {
    name: 'an append at another sequence number is lost',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('seq'));
      await executor.commit([intended]);
      assert.deepEqual(await executor.append([intended], { expectedSeq: 1 }), { kind: 'lost' });
      assert.deepEqual(await executor.append([intended], { expectedSeq: 3 }), { kind: 'lost' });
      assert.equal(await seqOf(harness, 'seq-1'), 2);
    },
  },
  {
    name: 'an append under an older epoch is lost',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('epoch'));
      await Executor.start(harness, planFor('epoch'));
      assert.deepEqual(await executor.append([intended]), { kind: 'lost' });
      assert.equal(await seqOf(harness, 'epoch-1'), 1);
    },
  },
  {
    name: 'an append after the lease expired is lost, though nobody else took it',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('expired'));
      await harness.pass(ttlMs);
      assert.deepEqual(await executor.append([intended]), { kind: 'lost' });
      assert.equal(await seqOf(harness, 'expired-1'), 1);
    },
  },
  {
    name: 'an append after the lease was released is lost',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('released'));
      await harness.leases.release({ secret: 'prod:/released', epoch: executor.lease.fence.epoch });
      assert.deepEqual(await executor.append([intended]), { kind: 'lost' });
    },
  },
  {
    name: 'nothing is appended to a closed rotation',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('shut'));
      await executor.commit([closed]);
      assert.deepEqual(await executor.append([intended]), { kind: 'lost' });
    },
  },
  ...(['roll-back', 'destroy'] as const).map(
    (decision): JournalCase => ({
      name: `once ${decision} is decided the other is refused and changes nothing, for another executor too`,
      async run(harness) {
        const plan = planFor(`decided-${decision}`);
        const [mine, other] = decision === 'destroy' ? [destroy, rollback] : [rollback, destroy];
        const executor = await Executor.start(harness, plan);
        await executor.commit([mine]);
        assert.deepEqual(await executor.append([other]), { kind: 'decided', decision });
        const successor = await Executor.start(harness, plan);
        assert.deepEqual(await successor.append([intended, other]), { kind: 'decided', decision });
        assert.equal(await seqOf(harness, plan.rotationId), 2);
      },
    }),
  ),
  {
    name: 'a claim made on the way refuses the commit where another rotation holds it, and changes nothing',
    async run(harness) {
      const holder = await Executor.start(harness, planFor('claims-a'));
      await holder.commit([intended], { claims: ['principal:new'] });
      const other = await Executor.start(harness, planFor('claims-b'));
      assert.deepEqual(await other.append([intended], { claims: ['principal:free', 'principal:new'] }), {
        kind: 'claimed',
        rotationId: 'claims-a-1',
        key: 'principal:new',
      });
      assert.equal(await seqOf(harness, 'claims-b-1'), 1);
      await holder.commit([closed], { claims: ['principal:new'] });
      await other.commit([intended], { claims: ['principal:new'] });
    },
  },
  {
    name: 'sealed values are replaced by slot and deleted when the rotation closes',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('sealed'));
      await executor.commit([intended], {
        sealed: [
          { slot: 'new', sealed: bytes },
          { slot: 'other', sealed: bytes },
        ],
      });
      await executor.commit([intended], { sealed: [{ slot: 'new', sealed: bytes }] });
      assert.deepEqual(await harness.sealedSlots('sealed-1'), ['new', 'other']);
      await executor.commit([closed]);
      assert.deepEqual(await harness.sealedSlots('sealed-1'), []);
    },
  },
  {
    name: 'a refused append seals nothing',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('unsealed'));
      await executor.append([intended], { expectedSeq: 7, sealed: [{ slot: 'new', sealed: bytes }] });
      assert.deepEqual(await harness.sealedSlots('unsealed-1'), []);
    },
  },
];

const dueCases: readonly JournalCase[] = [
  {
    name: 'a rotation is due when it is accepted, and rung for once in the quiet time',
    async run(harness) {
      await harness.intake.accept(planFor('due'), []);
      assert.deepEqual(await dueIds(harness, 30_000), ['due-1']);
      assert.deepEqual(await dueIds(harness, 30_000), []);
      await harness.pass(30_000);
      assert.deepEqual(await dueIds(harness, 30_000), ['due-1']);
    },
  },
  {
    name: 'each ring of the sweep has a key of its own',
    async run(harness) {
      await harness.intake.accept(planFor('keys'), []);
      const rings = [...(await harness.sweep.unattended(100, 0)), ...(await harness.sweep.unattended(100, 0))];
      assert.equal(new Set(rings.map(({ key }) => key)).size, 2);
    },
  },
  {
    name: 'a rotation at work is not rung for, one whose worker died is',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('work'));
      await executor.commit([intended], { dueInMs: 0 });
      assert.deepEqual(await dueIds(harness), []);
      await harness.pass(ttlMs);
      assert.deepEqual(await dueIds(harness), ['work-1']);
    },
  },
  {
    name: 'a waiting rotation is due after its wait, and one that waits for a person never',
    async run(harness) {
      for (const [name, dueInMs] of [
        ['wait', 10 * ttlMs],
        ['person', null],
      ] as const) {
        const executor = await Executor.start(harness, planFor(name));
        await executor.commit([intended], { dueInMs });
        await harness.leases.release({ secret: `prod:/${name}`, epoch: executor.lease.fence.epoch });
      }
      assert.deepEqual(await dueIds(harness), []);
      await harness.pass(10 * ttlMs);
      assert.deepEqual(await dueIds(harness), ['wait-1']);
    },
  },
  {
    name: 'a closed rotation is never due',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('over'));
      await executor.commit([closed], { dueInMs: 0 });
      await harness.pass(10 * ttlMs);
      assert.deepEqual(await dueIds(harness), []);
    },
  },
];

/**
 * The obligations of `Journal`, `RotationIntake` and `Leases`, and of `Operations` and the sweep as far as they meet
 * them. Run each with an empty implementation of its own.
 */
export const journalCases: readonly JournalCase[] = [
  ...intakeCases,
  ...appendCases,
  ...dueCases,
  ...leaseCases,
  ...operationsCases,
];
