import { type ParameterAnswer, cachedReaderDefaults as defaults } from 'keyturn/consumer';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { ThrottlingException, arrange, db, readFor, value } from './arranged-reader.js';

test('while the store fails the held value is served, until it is too old', async () => {
  const world = arrange();
  await world.reader.read(db);
  world.error = new Error('connect ECONNREFUSED');

  world.nowMs += defaults.ttlMs;
  expect(await readFor(world, defaults.staleMs - defaults.ttlMs - 1_000)).toBe(value);
  expect(world.failures[0]).toMatchObject({ name: db, reason: 'Error', heldForMs: defaults.ttlMs });

  world.nowMs += 1_000;
  await expect(world.reader.read(db)).rejects.toMatchObject({
    name: 'ParameterReadError',
    parameter: db,
    reason: 'Error',
  });

  expect(world.failures.at(-1)?.heldForMs).toBeUndefined();

  world.error = undefined;
  world.nowMs += defaults.maxBackOffMs;
  expect((await world.reader.read(db)).value).toBe(value);
});

test('a value that is too old is gone once the store has failed to confirm it', async () => {
  const world = arrange({ ttlMs: 3_600_000, staleMs: 60_000 });
  await world.reader.read(db);
  world.nowMs += 60_000;
  world.error = new Error('away');

  await expect(world.reader.refresh(db)).rejects.toThrow('(Error)');
  await expect(world.reader.read(db)).rejects.toThrow('(Error)');
});

test('a store that fails is asked less and less, and never less than once in the longest back-off', async () => {
  const world = arrange();
  await world.reader.read(db);
  world.error = new ThrottlingException('Rate exceeded');
  world.nowMs += defaults.ttlMs;

  const askedMs: number[] = [];
  const startMs = world.nowMs;
  for (; world.nowMs < startMs + 120_000; world.nowMs += 500) {
    const before = world.calls.length;
    await world.reader.read(db);
    await new Promise((resolve) => setImmediate(resolve));
    if (world.calls.length > before) askedMs.push(world.nowMs - startMs);
  }

  const gaps = askedMs.slice(1).map((each, index) => each - (askedMs[index] ?? 0));
  expect(gaps).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000]);
});

test('a store that has answered is left alone no longer than after a first failure', async () => {
  const world = arrange();
  await world.reader.read(db);
  for (let outage = 0; outage < 5; outage += 1) {
    world.error = new ThrottlingException('Rate exceeded');
    world.nowMs += defaults.ttlMs;
    await world.reader.read(db);
    world.error = undefined;
    world.answer = { value: `after outage ${outage}`, version: 8 + outage };
    world.nowMs += defaults.firstBackOffMs;
    expect((await world.reader.refresh(db)).value).toBe(`after outage ${outage}`);
  }
});

test('back-off is shorter by chance, by up to half', async () => {
  const world = arrange({ random: () => 0.999 });
  world.error = new Error('away');
  await expect(world.reader.read(db)).rejects.toThrow();

  world.nowMs += 500;
  await expect(world.reader.read(db)).rejects.toThrow();
  expect(world.calls).toHaveLength(1);
  world.nowMs += 1;
  await expect(world.reader.read(db)).rejects.toThrow();
  expect(world.calls).toHaveLength(2);
});

test('with nothing held a failing store is not asked by every reader in turn', async () => {
  const world = arrange();
  world.error = new Error('away');

  for (let read = 0; read < 100; read += 1) await expect(world.reader.read(db)).rejects.toThrow('(Error)');
  expect(world.calls).toHaveLength(1);
});

test('while the store fails nobody waits for it', async () => {
  let isAway = false;
  const world = arrange({
    timeoutMs: 20,
    read: (name) => {
      world.calls.push(name);
      return isAway ? new Promise(() => undefined) : Promise.resolve({ value, version: 7 });
    },
  });
  await world.reader.read(db);
  isAway = true;
  world.nowMs += defaults.ttlMs;
  await world.reader.read(db);
  world.nowMs += defaults.firstBackOffMs;

  const begun = world.reader.read(db);
  // Settled within this turn of the loop, before any timer: the call behind it is still under way.
  expect(await Promise.race([begun, new Promise((resolve) => setImmediate(() => resolve('waited')))])).toEqual({
    value,
    version: 7,
  });
  expect(world.calls).toHaveLength(3);
  await eventually('the call behind it ends', () => world.failures.length === 2);
});

test('after a long silence of the application a read waits for the store again', async () => {
  const world = arrange();
  await world.reader.read(db);
  world.error = new Error('away');
  world.nowMs += defaults.ttlMs;
  await world.reader.read(db);

  world.error = undefined;
  world.answer = { value: 'the new one', version: 8 };
  world.nowMs += defaults.ttlMs * 5;

  expect((await world.reader.read(db)).value).toBe('the new one');
});

test.each([
  ['by name', new ThrottlingException('Rate exceeded')],
  ['for one parameter', Object.assign(new Error('there is a conflict'), { name: 'TooManyUpdates' })],
  ['by the status of an answer', Object.assign(new Error('slow down'), { status: 429 })],
  ['by the status in the metadata of an SDK', Object.assign(new Error('x'), { $metadata: { httpStatusCode: 429 } })],
])('throttled %s, the store is asked for no other name that is held either', async (_, error) => {
  const world = arrange();
  const others = ['/a', '/b', '/c'];
  for (const name of [db, ...others]) await world.reader.read(name);
  world.nowMs += defaults.ttlMs;
  world.error = error;
  await world.reader.read(db);
  world.error = undefined;
  world.calls.length = 0;

  for (const name of others) expect((await world.reader.read(name)).value).toBe(value);
  expect(world.calls).toEqual([]);
  // A name that is not held has nothing to be served meanwhile.
  await world.reader.read('/new');
  expect(world.calls).toEqual(['/new']);

  world.nowMs += defaults.firstBackOffMs;
  for (const name of others) await world.reader.read(name);
  expect(world.calls).toEqual(['/new', ...others]);
});

test('any other failure of one name leaves the others alone', async () => {
  const world = arrange();
  await world.reader.read('/a');
  world.nowMs += defaults.ttlMs;
  world.error = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
  await expect(world.reader.read(db)).rejects.toMatchObject({ reason: 'AccessDeniedException' });
  world.error = undefined;
  world.answer = { value: 'new', version: 8 };

  expect((await world.reader.read('/a')).value).toBe('new');
});

test('a refused value is still better than none while the store is away', async () => {
  const world = arrange();
  await world.reader.read(db);
  world.error = new Error('away');
  world.nowMs += defaults.firstBackOffMs;
  world.reader.invalidate(db);

  expect((await world.reader.read(db)).value).toBe(value);
  expect(world.calls).toHaveLength(2);
});

test('a call that hangs ends for those who wait, and is told so', async () => {
  let signal: AbortSignal | undefined;
  const world = arrange({
    timeoutMs: 20,
    read: (_, options) => {
      ({ signal } = options);
      return new Promise(() => undefined);
    },
  });

  await expect(world.reader.read(db)).rejects.toMatchObject({ reason: 'TimeoutError' });
  expect(signal?.aborted).toBe(true);
});

test.each([
  ['no value', { value: undefined, version: 7 }, 'IncompleteAnswer'],
  ['no version', { value, version: undefined }, 'IncompleteAnswer'],
  ['a version that is no whole number', { value, version: 7.5 }, 'IncompleteAnswer'],
  ['nothing at all', undefined, 'TypeError'],
])('an answer with %s is a failure', async (_, answer, reason) => {
  const world = arrange();
  // As an application without types could answer.
  world.answer = answer as unknown as ParameterAnswer<string>;

  await expect(world.reader.read(db)).rejects.toMatchObject({ reason });
});

test('a read that throws before it promises anything is a failure like any other', async () => {
  const world = arrange({
    read: () => {
      throw new ThrottlingException('at once');
    },
  });

  await expect(world.reader.read(db)).rejects.toMatchObject({ reason: 'ThrottlingException' });
  await expect(world.reader.read(db)).rejects.toMatchObject({ reason: 'ThrottlingException' });
});

test('a log that throws keeps no value from a reader', async () => {
  const world = arrange({
    onFailure: () => {
      throw new Error('the disk is full');
    },
  });
  await world.reader.read(db);
  world.error = new Error('away');
  world.nowMs += defaults.ttlMs;

  expect((await world.reader.read(db)).value).toBe(value);
});
