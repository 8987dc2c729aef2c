import { expect, test } from 'vitest';
import { webhookSchemas } from '../../../scripts/webhooks-doc.js';
import { type State, freshState } from './state.js';

const environment = 'prod';
const secret = 'prod:/billing';
const hourMs = 3_600_000;

/** The secret, which may be two hours late, and an endpoint for each entry of `events`. */
async function declare(
  state: State,
  events: Readonly<Record<string, readonly string[] | undefined>> = { ops: undefined },
  overdueAfterMs = 2 * hourMs,
) {
  await state.registry.declare({
    environment,
    secrets: [
      {
        secret,
        environment,
        path: '/billing',
        target: 'main',
        schedule: { cron: '0 3 * * *', timezone: 'UTC', overdueAfterMs },
      },
    ],
    targets: [{ environment, target: 'main', concurrency: 4 }],
    endpoints: Object.entries(events).map(([name, wanted]) => ({
      environment,
      name,
      url: `https://${name}.example/hook`,
      ...(wanted === undefined ? {} : { events: wanted }),
    })),
  });
}

async function databaseMs(state: State): Promise<number> {
  const { rows } = await state.admin.query<{ ms: number }>('SELECT keyturn.to_ms(clock_timestamp()) AS ms');
  return rows[0]?.ms ?? Number.NaN;
}

async function sent(state: State) {
  const { rows } = await state.admin.query<{ endpoint: string; body: string }>(
    'SELECT endpoint, body FROM keyturn.deliveries ORDER BY created_at, endpoint',
  );
  return rows.map(({ endpoint, body }) => ({ endpoint, ...webhookSchemas.overdue.parse(JSON.parse(body)) }));
}

/** Lets so much time pass for what is owed. */
async function pass(state: State, ms: number): Promise<void> {
  await state.admin.query(
    `UPDATE keyturn.secrets SET last_rotated_at = last_rotated_at - $1 * interval '1 millisecond',
       next_due_at = next_due_at - $1 * interval '1 millisecond',
       owed_since = owed_since - $1 * interval '1 millisecond', overdue_at = overdue_at - $1 * interval '1 millisecond'`,
    [ms],
  );
}

test('a rotation that was due and has not completed in the time it may take is told of, and again as long after', async () => {
  const state = await freshState();
  await declare(state);
  const dueMs = await databaseMs(state);
  await state.sweep.reschedule(secret, null, dueMs);
  await pass(state, 2 * hourMs - 60_000);
  expect(await state.sweep.overdue(10)).toEqual([]);

  await pass(state, 60_000);
  expect(await state.sweep.overdue(10)).toEqual([{ secret, dueAtMs: dueMs - 2 * hourMs }]);
  expect(await state.sweep.overdue(10)).toEqual([]);
  expect(await sent(state)).toEqual([
    expect.objectContaining({
      type: 'secret.overdue',
      data: { environment, secret, dueAt: new Date(dueMs - 2 * hourMs).toISOString(), sequence: 1 },
    }),
  ]);
  const { rows } = await state.admin.query('SELECT principal, action FROM keyturn.audit WHERE secret = $1', [secret]);
  expect(rows).toEqual([{ principal: 'keyturn', action: 'secret.overdue' }]);

  await pass(state, 2 * hourMs);
  expect(await state.sweep.overdue(10)).toHaveLength(1);
  expect((await sent(state)).map(({ data }) => data.sequence)).toEqual([1, 2]);
});

test('is counted once it is overdue, whether anybody has asked for it or not', async () => {
  const state = await freshState();
  await declare(state);
  const overdue = async () => (await state.metrics.read()).overdue;
  const nowMs = await databaseMs(state);
  await state.sweep.reschedule(secret, null, nowMs - hourMs);
  expect(await overdue()).toEqual([{ environment, count: 0 }]);
  await pass(state, hourMs);
  expect(await overdue()).toEqual([{ environment, count: 1 }]);
  // It has been begun, which is not yet a rotation that has completed.
  await state.sweep.reschedule(secret, nowMs - 2 * hourMs, nowMs + hourMs);
  expect(await overdue()).toEqual([{ environment, count: 1 }]);
  await state.admin.query('UPDATE keyturn.secrets SET last_rotated_at = clock_timestamp()');
  expect(await overdue()).toEqual([{ environment, count: 0 }]);
  // Nobody asks for the next one.
  await pass(state, 3 * hourMs);
  expect(await overdue()).toEqual([{ environment, count: 1 }]);
});

test('another time that it may take counts from the due time, which stays', async () => {
  const state = await freshState();
  await declare(state);
  const dueMs = (await databaseMs(state)) - hourMs;
  await state.sweep.reschedule(secret, null, dueMs);
  expect(await state.sweep.overdue(10)).toEqual([]);
  await declare(state, { ops: undefined }, hourMs);
  expect(await state.sweep.overdue(10)).toEqual([{ secret, dueAtMs: dueMs }]);
});

test('what is declared anew is not told of again before its time', async () => {
  const state = await freshState();
  await declare(state);
  await state.sweep.reschedule(secret, null, (await databaseMs(state)) - 3 * hourMs);
  expect(await state.sweep.overdue(10)).toHaveLength(1);
  await state.admin.query("UPDATE keyturn.secrets SET target = 'another'");
  await declare(state);
  expect(await state.sweep.overdue(10)).toEqual([]);
  await declare(state, { ops: undefined }, hourMs);
  expect(await state.sweep.overdue(10)).toEqual([]);
  await pass(state, hourMs);
  await state.admin.query("UPDATE keyturn.secrets SET overdue_told_at = overdue_told_at - interval '1 hour'");
  expect(await state.sweep.overdue(10)).toHaveLength(1);
});

test('of many workers one tells', async () => {
  const state = await freshState();
  await declare(state);
  await state.sweep.reschedule(secret, null, (await databaseMs(state)) - 3 * hourMs);

  await Promise.all(Array.from({ length: 8 }, async () => state.sweep.overdue(10)));

  expect(await sent(state)).toHaveLength(1);
});

test('what has been rotated since owes its next due time, and what was asked for in vain the oldest', async () => {
  const state = await freshState();
  await declare(state);
  const nowMs = await databaseMs(state);
  await state.sweep.reschedule(secret, null, nowMs - 5 * hourMs);
  // It is begun at its time, and again at the next: neither completes.
  await state.sweep.reschedule(secret, nowMs - 5 * hourMs, nowMs - hourMs);
  await state.sweep.reschedule(secret, nowMs - hourMs, nowMs + hourMs);
  expect(await state.sweep.overdue(10)).toEqual([{ secret, dueAtMs: nowMs - 5 * hourMs }]);

  // It completes at last, and nobody is told that the one before is missing; the next is two hours late in its turn.
  await state.admin.query('UPDATE keyturn.secrets SET last_rotated_at = keyturn.from_ms($1)', [nowMs]);
  await pass(state, 2 * hourMs);
  expect(await state.sweep.overdue(10)).toEqual([]);
  await pass(state, hourMs);
  expect(await state.sweep.overdue(10)).toEqual([{ secret, dueAtMs: nowMs - 2 * hourMs }]);
});

test('one that completed in time is not told of, nor at once when the next is due', async () => {
  const state = await freshState();
  await declare(state);
  const nowMs = await databaseMs(state);
  await state.sweep.reschedule(secret, null, nowMs - 3 * hourMs);
  await state.admin.query('UPDATE keyturn.secrets SET last_rotated_at = keyturn.from_ms($1)', [nowMs - 2.5 * hourMs]);
  await state.sweep.reschedule(secret, nowMs - 3 * hourMs, nowMs - hourMs);
  expect(await state.sweep.overdue(10)).toEqual([]);
  expect(await sent(state)).toEqual([]);

  // Once that is due for as long as it may take, it is.
  await pass(state, hourMs);
  expect(await state.sweep.overdue(10)).toEqual([{ secret, dueAtMs: nowMs - 2 * hourMs }]);
});

test('a schedule that is changed or taken away owes nothing', async () => {
  const state = await freshState();
  await declare(state);
  await state.sweep.reschedule(secret, null, (await databaseMs(state)) - 3 * hourMs);
  await state.registry.declare({ environment, secrets: [], targets: [], endpoints: [] });
  expect(await state.sweep.overdue(10)).toEqual([]);

  await declare(state);
  expect(await state.sweep.overdue(10)).toEqual([]);
});

test('goes to endpoints that want it', async () => {
  const state = await freshState();
  await declare(state, { former: undefined });
  await declare(state, { all: undefined, gone: undefined, late: ['secret.overdue'], pager: ['rotation.parked'] });
  await state.admin.query("UPDATE keyturn.webhook_endpoints SET gone = true WHERE name = 'gone'");
  await state.sweep.reschedule(secret, null, (await databaseMs(state)) - 3 * hourMs);

  await state.sweep.overdue(10);

  expect((await sent(state)).map(({ endpoint }) => endpoint)).toEqual(['all', 'late']);
});
