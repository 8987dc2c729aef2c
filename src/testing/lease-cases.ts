import assert from 'node:assert/strict';
import { Executor, type Granted, type JournalCase, type JournalHarness, planFor, ttlMs } from './journal-harness.js';

const main = { environment: 'prod', target: 'main' };

async function acquire(harness: JournalHarness, name: string, holder: string) {
  return harness.leases.acquire({ rotationId: `${name}-1`, holder, ttlMs });
}

async function accepted(harness: JournalHarness, ...names: readonly string[]): Promise<void> {
  for (const name of names) await harness.intake.accept(planFor(name), [`prod:/${name}`]);
}

async function granted(harness: JournalHarness, name: string, holder = 'worker-1'): Promise<Granted> {
  const lease = await acquire(harness, name, holder);
  assert.ok(lease.kind === 'granted', `the lease was not granted: ${lease.kind}`);
  return lease;
}

/** Who may write, one at a time. Part of `journalCases`. */
export const leaseCases: readonly JournalCase[] = [
  {
    name: 'there is no lease on an unknown rotation',
    async run(harness) {
      assert.deepEqual(await acquire(harness, 'nowhere', 'worker-1'), { kind: 'unknown-rotation' });
    },
  },
  {
    name: 'a lease excludes other holders until it is released or expires',
    async run(harness) {
      await accepted(harness, 'one');
      const first = await granted(harness, 'one');
      const busy = await acquire(harness, 'one', 'worker-2');
      assert.ok(busy.kind === 'busy' && busy.againInMs > 0 && busy.againInMs <= ttlMs);
      await harness.leases.release({ secret: first.secret, epoch: first.fence.epoch });
      await granted(harness, 'one', 'worker-2');
      await harness.pass(ttlMs);
      await granted(harness, 'one', 'worker-3');
    },
  },
  {
    name: 'every acquisition draws a higher epoch, by the same worker too',
    async run(harness) {
      await accepted(harness, 'draw', 'other');
      const first = await granted(harness, 'draw');
      const second = await granted(harness, 'other');
      const third = await granted(harness, 'draw');
      assert.ok(first.fence.epoch < second.fence.epoch && second.fence.epoch < third.fence.epoch);
      assert.deepEqual(await harness.leases.newest(), { era: third.fence.era, epoch: third.fence.epoch });
    },
  },
  {
    name: 'a renewed lease lives on from the renewal',
    async run(harness) {
      await accepted(harness, 'renewed');
      const { secret, fence } = await granted(harness, 'renewed');
      await harness.pass(ttlMs / 2);
      assert.equal(await harness.leases.renew({ secret, epoch: fence.epoch, ttlMs }), true);
      await harness.pass(ttlMs / 2);
      assert.equal((await acquire(harness, 'renewed', 'worker-2')).kind, 'busy');
    },
  },
  {
    name: 'an expired, released or superseded lease is not renewed',
    async run(harness) {
      await accepted(harness, 'expired', 'released', 'superseded');
      const [expired, released, superseded] = [
        await granted(harness, 'expired'),
        await granted(harness, 'released'),
        await granted(harness, 'superseded'),
      ];
      await harness.pass(ttlMs);
      await granted(harness, 'superseded', 'worker-2');
      await harness.leases.release({ secret: released.secret, epoch: released.fence.epoch });
      for (const { secret, fence } of [expired, released, superseded]) {
        assert.equal(await harness.leases.renew({ secret, epoch: fence.epoch, ttlMs }), false, secret);
      }
    },
  },
  {
    name: 'releasing under an older epoch leaves the newer lease alone',
    async run(harness) {
      await accepted(harness, 'kept');
      const old = await granted(harness, 'kept');
      await granted(harness, 'kept');
      await harness.leases.release({ secret: old.secret, epoch: old.fence.epoch });
      assert.equal((await acquire(harness, 'kept', 'worker-2')).kind, 'busy');
    },
  },
  {
    name: 'a fence token is known once one was put on the target',
    async run(harness) {
      const executor = await Executor.start(harness, planFor('known'));
      assert.equal(executor.lease.fence.known, false);
      await executor.commit([{ kind: 'FenceRaised' }]);
      assert.equal((await granted(harness, 'known')).fence.known, true);
    },
  },
  {
    name: 'a target takes as many rotations at one time as its concurrency says',
    async run(harness) {
      await accepted(harness, 'a', 'b', 'c');
      await harness.bound({ ...main, concurrency: 2 });
      const first = await granted(harness, 'a');
      await granted(harness, 'b', 'worker-2');
      const full = await acquire(harness, 'c', 'worker-3');
      assert.ok(full.kind === 'full' && full.againInMs > 0);
      await granted(harness, 'a');
      assert.deepEqual((await acquire(harness, 'c', 'worker-3')).kind, 'full');
      await harness.pass(ttlMs);
      await granted(harness, 'c', 'worker-3');
      assert.notEqual(first.secret, 'prod:/c');
    },
  },
  {
    name: 'the breaker of a target opens after five unreachable reports in a row, and lets one probe through in 30 s',
    async run(harness) {
      await accepted(harness, 'probe', 'later');
      for (let report = 0; report < 4; report += 1) await harness.leases.report(main, 'unreachable');
      await harness.leases.report(main, 'answered');
      for (let report = 0; report < 4; report += 1) await harness.leases.report(main, 'unreachable');
      await granted(harness, 'probe');
      await harness.leases.report(main, 'unreachable');
      const broken = await acquire(harness, 'later', 'worker-2');
      assert.ok(broken.kind === 'broken' && broken.againInMs > 0 && broken.againInMs <= 30_000);
      await harness.pass(30_000);
      await granted(harness, 'later', 'worker-2');
      assert.equal((await acquire(harness, 'probe', 'worker-1')).kind, 'broken');
      await harness.leases.report(main, 'answered');
      await granted(harness, 'probe');
    },
  },
  {
    name: 'what fails while the breaker is open does not put the next probe off',
    async run(harness) {
      await accepted(harness, 'probe');
      for (let report = 0; report < 5; report += 1) await harness.leases.report(main, 'unreachable');
      await harness.pass(20_000);
      await harness.leases.report(main, 'unreachable');
      assert.equal((await acquire(harness, 'probe', 'worker-1')).kind, 'broken');
      await harness.pass(10_000);
      await granted(harness, 'probe');
    },
  },
  {
    name: 'a broken target delays nobody at another target',
    async run(harness) {
      await harness.intake.accept(planFor('elsewhere', { target: 'replica' }), []);
      await accepted(harness, 'here');
      for (let report = 0; report < 5; report += 1) await harness.leases.report(main, 'unreachable');
      assert.equal((await acquire(harness, 'here', 'worker-1')).kind, 'broken');
      await granted(harness, 'elsewhere');
    },
  },
];
