import { expect, test } from 'vitest';
import { postgresInstanceRegister, postgresInstances } from '../../../src/adapters/postgres/instances.js';
import type { InstanceNotice } from '../../../src/ports/instances.js';
import { scopeOf } from '../store/store-fixture.js';
import { challengedState } from './challenged.js';

const secret = 'prod:/asked';
/** A consumer whose instances register. */
const counted = (name: string) =>
  ({ name, url: null, canary: false, required: true, cacheTtlMs: 0, instances: 'registered' }) as const;

const notice = (change: Partial<InstanceNotice> = {}): InstanceNotice => ({
  ...{ secret, consumer: 'web', instance: 'web-1', url: null, leaves: false, saidAtS: 1_000 },
  ...change,
});

/** A state database with a secret whose consumers register. */
async function registering() {
  const state = await challengedState();
  const register = postgresInstanceRegister(state.pool);
  const policy = { ...scopeOf(secret, 'asked-1', 1).plan.policy };
  return {
    ...{ state, register },
    note: async (change?: Partial<InstanceNotice>) => register.note(notice(change)),
    there: async (maxSessionAgeMs = 0) =>
      postgresInstances(state.pool).registered(
        scopeOf(secret, 'asked-1', 1, { policy: { ...policy, maxSessionAgeMs }, consumers: [counted('web')] }),
      ),
    guardSeq: async () => (await state.rowsOf('SELECT guard_seq::integer AS seq FROM keyturn.secrets'))[0]?.['seq'],
    audited: async () =>
      state.rowsOf(`SELECT secret, principal, reason, facts FROM keyturn.audit WHERE action = 'instance' ORDER BY id`),
    /** Lets so much of the database's time pass for every instance: its clock is its own. */
    age: async (seconds: number) =>
      state.admin.query(
        `UPDATE keyturn.consumer_instances SET seen_at = seen_at - $1 * interval '1 second', left_at = left_at - $1 * interval '1 second'`,
        [seconds],
      ),
  };
}

const web1 = { consumer: 'web', instance: 'web-1', url: null, hasLeft: false };

test('an instance that has said that it is there is there until it goes', async () => {
  const { note, there } = await registering();

  expect(await note()).toBe('noted');
  expect(await note({ instance: 'web-2', url: 'https://10.0.0.2/keyturn' })).toBe('noted');
  expect(await there()).toEqual([web1, { ...web1, instance: 'web-2', url: 'https://10.0.0.2/keyturn' }]);

  expect(await note({ leaves: true, saidAtS: 1_001 })).toBe('noted');
  expect(await there()).toEqual([{ ...web1, hasLeft: true }, expect.objectContaining({ instance: 'web-2' })]);
  expect(await note({ saidAtS: 1_002 })).toBe('noted');
  expect(await there()).toMatchObject([web1, { instance: 'web-2' }]);
});

test('a new instance outdates what guards have judged, one that goes or is still there does not', async () => {
  const { note, guardSeq } = await registering();
  const before = Number(await guardSeq());

  await note();
  expect(await guardSeq()).toBe(before + 1);
  await note({ saidAtS: 1_001, url: 'https://10.0.0.1/' });
  await note({ saidAtS: 1_002, leaves: true });
  expect(await guardSeq()).toBe(before + 1);
  await note({ saidAtS: 1_003 });
  expect(await guardSeq()).toBe(before + 2);
});

test('who comes and goes stands in the audit trail, once', async () => {
  const { note, audited } = await registering();

  await note();
  await note({ saidAtS: 1_001 });
  await note({ saidAtS: 1_002, leaves: true });
  await note({ saidAtS: 1_003, leaves: true });
  await note({ instance: 'never-there', leaves: true });

  const of = (reason: string) => ({ secret, principal: 'web', reason, facts: { instance: 'web-1' } });
  expect(await audited()).toEqual([of('an instance is there'), of('an instance goes')]);
});

test('an older word changes nothing, in whatever order it comes', async () => {
  const { note, there } = await registering();

  await note({ saidAtS: 1_002, leaves: false });
  expect(await note({ saidAtS: 1_001, leaves: true })).toBe('stale');
  expect(await there()).toEqual([web1]);
  await note({ saidAtS: 1_003, leaves: true });
  expect(await note({ saidAtS: 1_002 })).toBe('stale');
  expect(await there()).toEqual([{ ...web1, hasLeft: true }]);
});

test('of the same second that it goes counts, in whatever order that comes', async () => {
  const { note, there } = await registering();

  await note({ saidAtS: 1_001 });
  expect(await note({ saidAtS: 1_001, leaves: true })).toBe('noted');
  expect(await note({ saidAtS: 1_001 })).toBe('stale');
  expect(await there()).toEqual([{ ...web1, hasLeft: true }]);
  expect(await note({ saidAtS: 1_002 })).toBe('noted');
});

test('no consumer pushes out the instances of another, however many names it takes', async () => {
  const { state, note, there } = await registering();
  await note();
  await state.admin.query(
    `INSERT INTO keyturn.consumer_instances (secret, consumer, instance, said_at_s, left_at)
     SELECT '${secret}', 'audit', 'of-' || n, 1, clock_timestamp() FROM generate_series(1, 12000) n`,
  );

  expect(await there()).toEqual([web1]);
  expect(await note({ consumer: 'audit', instance: 'one-more' })).toBe('full');
});

test('who was not heard of for as long as a session may live is not there, and five minutes at the least', async () => {
  const { note, there, age } = await registering();
  await note();

  await age(290);
  expect(await there(0)).toEqual([web1]);
  await age(20);
  expect(await there(0)).toEqual([]);
  expect(await there(400_000)).toEqual([web1]);
  await note({ saidAtS: 1_001 });
  expect(await there(0)).toEqual([web1]);
});

test('a consumer has a thousand instances at most, and those that are gone make room', async () => {
  const { state, note, age } = await registering();
  await note();
  await state.admin.query(
    `INSERT INTO keyturn.consumer_instances (secret, consumer, instance, said_at_s)
     SELECT '${secret}', 'web', 'of-' || n, 1 FROM generate_series(1, 999) n`,
  );

  expect(await note({ instance: 'one-more' })).toBe('full');
  expect(await note({ saidAtS: 1_001 })).toBe('noted');
  expect(await note({ instance: 'of-1', leaves: true })).toBe('noted');
  expect(await note({ instance: 'one-more' })).toBe('noted');
  expect(await note({ consumer: 'job', instance: 'one-more' })).toBe('noted');
  await age(31 * 86_400);
  expect(await note({ instance: 'another' })).toBe('noted');
  expect(await state.rowsOf(`SELECT instance FROM keyturn.consumer_instances WHERE consumer = 'web'`)).toEqual([
    { instance: 'another' },
  ]);
});

test('nobody registers for a secret that no worker has declared', async () => {
  const { note } = await registering();
  expect(await note({ secret: 'prod:/nowhere' })).toBe('unknown');
});
