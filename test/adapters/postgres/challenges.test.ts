import { expect, test } from 'vitest';
import { openSecret } from '../../../src/core/secret.js';
import type { LateAck } from '../../../src/ports/challenges.js';
import { Executor, planFor } from '../../../src/testing/journal-harness.js';
import { freshKeyring, scopeOf } from '../store/store-fixture.js';
import { postgresChallenges } from '../../../src/adapters/postgres/challenges.js';
import { challengedState, drainOf7, saying } from './challenged.js';
import { harnessOf } from './state.js';
import { inTheMiddle, waiting } from './waiting.js';

/** What a worker would read of an ack. */
function read(ack: LateAck | undefined): unknown {
  return ack?.kind === 'waiting' ? JSON.parse(Buffer.from(openSecret(ack.said)).toString('utf8')) : ack;
}

const proof = { instance: 'web-1', proof: 'a proof' };
const proved = { outcome: 'proved', instance: 'web-1', reason: '' } as const;
const refused = { outcome: 'refused', instance: 'web-1', reason: 'login refused' } as const;
const wrong = { outcome: 'wrong', instance: 'web-1', reason: 'no proof of this version' } as const;

test('an ack is received once, and shown to the worker until it is judged', async () => {
  const state = await challengedState();
  const nonce = await state.issued();

  expect(await state.acked(nonce, proof)).toBe('received');

  const late = await state.challenges.late(state.scope, drainOf7);
  expect(late).toMatchObject([
    { nonce, consumer: 'web', kind: 'waiting', isYoung: true, issuedAtMs: expect.any(Number) },
  ]);
  expect(read(late[0])).toEqual(proof);
  expect(await state.acked(nonce, proof)).toBe('replayed');
  await state.challenges.judged([{ nonce, ...proved }]);
  expect(await state.acked(nonce, proof)).toBe('replayed');
  expect(await state.challenges.late(state.scope, drainOf7)).toMatchObject([{ kind: 'judged', ...proved }]);
});

test('of two acks of one nonce at once one is received', async () => {
  const state = await challengedState();
  const nonce = await state.issued();
  const other = await inTheMiddle(state);
  await other.query('SELECT FROM keyturn.challenges FOR UPDATE');

  const both = Promise.all([state.acked(nonce), state.acked(nonce)]);
  await waiting(state, 2);
  await other.query('COMMIT');

  expect([...(await both)].sort()).toEqual(['received', 'replayed']);
  expect(await state.counted()).toEqual({ replayed: 1 });
});

test('a nonce lives for a minute of the database, and one of the future not at all', async () => {
  const state = await challengedState();
  const [young, old, future] = [await state.issued(), await state.issued(), await state.issued()];
  const issued = async (nonce: string, ago: string) =>
    state.admin.query(`UPDATE keyturn.challenges SET issued_at = clock_timestamp() - $2::interval WHERE nonce = $1`, [
      nonce,
      ago,
    ]);
  await issued(young, '50 seconds');
  await issued(old, '60.001 seconds');
  await issued(future, '-10 seconds');

  expect(await state.acked(young)).toBe('received');
  expect(await state.acked(old)).toBe('expired');
  expect(await state.acked(future)).toBe('expired');
  expect(await state.acked('not-a-nonce')).toBe('unknown');
});

test('a nonce that ends between being found and being taken is not taken', async () => {
  const state = await challengedState();
  const nonce = await state.issued();
  const found = (await state.acks.find(nonce))!;
  await state.age(61);

  expect(await state.acks.take(found, saying(proof))).toBe('expired');
  expect(await state.rowsOf('SELECT FROM keyturn.sealed_values')).toEqual([]);
});

test('what was answered in the response is answered', async () => {
  const state = await challengedState();
  const nonce = await state.issued();
  await state.challenges.answered([nonce]);

  expect(await state.acked(nonce)).toBe('replayed');
  expect(await state.challenges.late(state.scope, drainOf7)).toEqual([]);
});

test('what was answered by an ack stays what it was, though the response came after it', async () => {
  const state = await challengedState();
  const nonce = await state.issued();
  await state.acked(nonce, proof);
  await state.challenges.answered([nonce]);

  expect(await state.challenges.late(state.scope, drainOf7)).toMatchObject([{ nonce, kind: 'waiting' }]);
});

test('an ack is shown to its own rotation, phase and version alone', async () => {
  const state = await challengedState();
  await Executor.start(harnessOf(state), planFor('other'));
  const nonce = await state.issued();
  await state.acked(nonce);

  const other = scopeOf('prod:/other', 'other-1', 1);
  for (const judgements of [[], [{ nonce, ...proved }]]) {
    await state.challenges.judged(judgements);
    expect(await state.challenges.late(other, drainOf7)).toEqual([]);
    expect(await state.challenges.late(state.scope, { ...drainOf7, phase: 'canary' })).toEqual([]);
    expect(await state.challenges.late(state.scope, { ...drainOf7, version: 8 })).toEqual([]);
    expect(await state.challenges.late(state.scope, drainOf7)).toHaveLength(1);
  }
});

test('a proof counts while its challenge is young, a refusal for a minute from when it was looked over', async () => {
  const state = await challengedState();
  const [proving, refusing, unseen] = [await state.issued(), await state.issued(), await state.issued('job')];
  for (const nonce of [proving, refusing, unseen]) await state.acked(nonce);
  await state.age(50);
  await state.challenges.judged([
    { nonce: proving, ...proved },
    { nonce: refusing, ...refused },
  ]);
  const shown = async () => (await state.challenges.late(state.scope, drainOf7)).map(({ nonce }) => nonce);
  expect(new Set(await shown())).toEqual(new Set([proving, refusing, unseen]));

  await state.age(20);
  expect(new Set(await shown())).toEqual(new Set([refusing, unseen]));
  await state.age(41);
  // Nobody has looked it over: a refusal must be seen once, however late.
  expect(await state.challenges.late(state.scope, drainOf7)).toMatchObject([{ nonce: unseen, isYoung: false }]);
});

test('what is wrong is counted, stands in the audit trail, and counts for nothing', async () => {
  const state = await challengedState();
  const nonce = await state.issued('web', { phase: 'canary', version: 3 });
  await state.acked(nonce);

  await state.challenges.judged([{ nonce, ...wrong }]);
  await state.challenges.judged([{ nonce, ...proved }]);

  expect(await state.challenges.late(state.scope, { phase: 'canary', version: 3 })).toEqual([]);
  expect(await state.counted()).toEqual({ wrong: 1 });
  expect(await state.audited()).toEqual([
    {
      environment: 'prod',
      secret: 'prod:/asked',
      rotation_id: 'asked-1',
      principal: 'web',
      reason: wrong.reason,
      facts: { outcome: 'wrong', phase: 'canary', version: 3, instance: 'web-1' },
    },
  ]);
});

test('what is proved or refused is counted once, and is not for the audit trail: the journal has it', async () => {
  const state = await challengedState();
  const nonces = [await state.issued(), await state.issued(), await state.issued()];
  for (const nonce of nonces) await state.acked(nonce);
  const judgements = nonces.map((nonce, index) => ({ nonce, ...(index === 0 ? refused : proved) }));

  await Promise.all([state.challenges.judged(judgements), state.challenges.judged(judgements)]);

  expect(await state.counted()).toEqual({ proved: 2, refused: 1 });
  expect(await state.audited()).toEqual([]);
});

test('each cause of turning an ack away stands once in the audit trail, and is counted each time', async () => {
  const state = await challengedState();
  const [answered, old] = [await state.issued(), await state.issued('job')];
  await state.challenges.answered([answered]);
  for (const nonce of [answered, answered, answered, old]) {
    await state.acks.unsigned((await state.acks.find(nonce))!);
    if (nonce === answered) await state.acked(nonce);
  }
  await state.age(61);
  await state.acked(old);

  expect(await state.counted()).toEqual({ unsigned: 4, replayed: 3, expired: 1 });
  const told = (await state.audited()).map(({ principal, facts }) => [
    principal,
    (facts as { outcome: string }).outcome,
  ]);
  expect(told).toEqual([
    ['web', 'unsigned'],
    ['web', 'replayed'],
    ['job', 'unsigned'],
    ['job', 'expired'],
  ]);
});

test('what an ack says is in no table in the clear, and gone once it is judged or its rotation has ended', async () => {
  const state = await challengedState();
  const [judged, left] = [await state.issued(), await state.issued()];
  const words = { instance: 'web-1', refused: 'login with planted-password was refused' };
  for (const nonce of [judged, left]) await state.acked(nonce, words);
  const everything = async () => {
    const rows = [...(await state.rowsOf('SELECT * FROM keyturn.challenges')), await state.audited()];
    const sealed = await state.admin.query<{ sealed: Buffer }>('SELECT sealed FROM keyturn.sealed_values');
    return JSON.stringify([rows, sealed.rows.map((each) => each.sealed.toString('latin1'))]);
  };
  expect(await everything()).not.toMatch(/planted-password|web-1/);
  const slots = async () => harnessOf(state).sealedSlots('asked-1');
  expect(new Set(await slots())).toEqual(new Set([`ack ${judged}`, `ack ${left}`]));

  await state.challenges.judged([{ nonce: judged, ...refused }]);
  expect(await slots()).toEqual([`ack ${left}`]);
  await state.executor.commit([{ kind: 'RotationClosed', status: 'cancelled' }], { dueInMs: null });
  expect(await slots()).toEqual([]);
  expect(await state.challenges.late(state.scope, drainOf7)).toMatchObject([{ kind: 'judged', outcome: 'refused' }]);
});

test('an ack of a rotation that has ended is expired', async () => {
  const state = await challengedState();
  const nonce = await state.issued();
  await state.executor.commit([{ kind: 'RotationClosed', status: 'cancelled' }], { dueInMs: null });

  expect(await state.acked(nonce)).toBe('expired');
  expect(await state.rowsOf('SELECT FROM keyturn.sealed_values')).toEqual([]);
});

test('an ack that another keyring has sealed is left for the next look', async () => {
  const state = await challengedState();
  await state.acked(await state.issued());
  const other = postgresChallenges({ pool: state.pool, keyring: await freshKeyring() });

  expect(await other.late(state.scope, drainOf7)).toEqual([]);
  expect(await state.challenges.late(state.scope, drainOf7)).toHaveLength(1);
});

test('issuing forgets what is older than a day, and no figure goes down', async () => {
  const state = await challengedState();
  const old = await state.issued();
  await state.acked(old);
  await state.challenges.judged([{ nonce: old, ...proved }]);
  await state.age(86_399);
  const newer = await state.issued();
  expect(await state.acks.find(old)).not.toBeNull();
  await state.age(2);

  await state.issued();

  expect(await state.acks.find(old)).toBeNull();
  expect(await state.acks.find(newer)).not.toBeNull();
  expect(await state.counted()).toEqual({ proved: 1 });
});

test('a refusal has a worker look now and changes what guards rely on, and a proof does neither', async () => {
  const state = await challengedState();
  const standing = async () => {
    const [row] = await state.rowsOf(
      `SELECT s.guard_seq AS seq, r.due_at <= clock_timestamp() AS "isDue" FROM keyturn.rotations r JOIN keyturn.secrets s USING (secret)`,
    );
    return { seq: Number(row?.['seq']), isDue: row?.['isDue'] };
  };
  const later = async () =>
    state.admin.query("UPDATE keyturn.rotations SET due_at = clock_timestamp() + interval '1 hour'");
  await later();
  const { seq } = await standing();

  await state.acked(await state.issued());
  expect(await standing()).toEqual({ seq, isDue: false });
  await state.acked(await state.issued(), { instance: 'web-1', refused: 'no login' });
  expect(await standing()).toEqual({ seq: seq + 1, isDue: true });
});
