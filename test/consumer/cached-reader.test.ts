import { inspect } from 'node:util';
import { cachedReaderDefaults as defaults } from 'keyturn/consumer';
import { expect, test } from 'vitest';
import { scanSinks } from '../support/leak-scanner.js';
import { ThrottlingException, arrange, db, value } from './arranged-reader.js';

test('a value is served from memory until its time is over', async () => {
  const world = arrange();

  expect(await world.reader.read(db)).toEqual({ value, version: 7 });
  world.nowMs += defaults.ttlMs - 1;
  await world.reader.read(db);
  expect(world.calls).toEqual([db]);

  world.nowMs += 1;
  await world.reader.read(db);
  expect(world.calls).toEqual([db, db]);
});

test('by chance the time is up to a tenth shorter, never longer', async () => {
  const world = arrange({ random: () => 0.999 });
  await world.reader.read(db);

  world.nowMs += defaults.ttlMs * 0.9 - 1;
  await world.reader.read(db);
  expect(world.calls).toHaveLength(1);

  world.nowMs += defaults.ttlMs * 0.001;
  await world.reader.read(db);
  expect(world.calls).toHaveLength(2);
});

test('a thousand reads at once are one call, and one more when it is over', async () => {
  const world = arrange();

  const readings = await Promise.all(Array.from({ length: 1_000 }, () => world.reader.read(db)));
  expect(new Set(readings).size).toBe(1);
  expect(world.calls).toHaveLength(1);

  world.nowMs += defaults.ttlMs;
  await Promise.all(Array.from({ length: 1_000 }, () => world.reader.read(db)));
  expect(world.calls).toHaveLength(2);
});

test('a thousand reads at once of a store that refuses are one call, and all get its error', async () => {
  const world = arrange();
  world.error = new ThrottlingException('Rate exceeded');

  const outcomes = await Promise.allSettled(Array.from({ length: 1_000 }, () => world.reader.read(db)));

  expect(world.calls).toHaveLength(1);
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1_000);
});

test('names do not share what they hold', async () => {
  const world = arrange({ read: async (name) => ({ value: `value of ${name}`, version: 1 }) });

  for (const name of ['/a', '/b', '__proto__', 'constructor']) {
    expect((await world.reader.read(name)).value).toBe(`value of ${name}`);
  }
});

test('with a time of zero nothing is kept, and a value slower than its time is still answered', async () => {
  const world = arrange({ ttlMs: 0, staleMs: 0 });

  expect((await world.reader.read(db)).value).toBe(value);
  expect((await world.reader.read(db)).value).toBe(value);
  expect(world.calls).toHaveLength(2);
});

test('the age of a value counts from when it was asked for', async () => {
  const world = arrange({
    read: async () => {
      if (world.error !== undefined) throw world.error;
      world.nowMs += 4_000;
      return world.answer;
    },
  });
  await world.reader.read(db);
  world.error = new Error('away');
  await world.reader.refresh(db);

  expect(world.failures).toMatchObject([{ heldForMs: 4_000 }]);
});

test('no more names are held than may be, and the one not read for longest goes first', async () => {
  const world = arrange({ maxNames: 3 });
  for (const name of ['/a', '/b', '/c']) {
    await world.reader.read(name);
    world.nowMs += 1;
  }
  await world.reader.read('/a');
  world.nowMs += 1;
  await world.reader.read('/d');
  world.calls.length = 0;

  for (const name of ['/a', '/c', '/d']) await world.reader.read(name);
  expect(world.calls).toEqual([]);
  await world.reader.read('/b');
  expect(world.calls).toEqual(['/b']);
});

test('a name that had to be asked for again counts as read', async () => {
  const world = arrange({ maxNames: 2 });
  await world.reader.read('/a');
  world.nowMs += 1;
  await world.reader.read('/b');
  world.nowMs += defaults.ttlMs;
  await world.reader.read('/a');
  await world.reader.read('/c');
  world.calls.length = 0;

  await world.reader.read('/a');
  expect(world.calls).toEqual([]);
});

test('names that fail are held within the same bound', async () => {
  const world = arrange({ maxNames: 10 });
  world.error = new Error('no such parameter');
  for (let name = 0; name < 1_000; name += 1) {
    await expect(world.reader.read(`/${name}`)).rejects.toThrow();
    world.nowMs += 1;
  }
  world.calls.length = 0;

  // Within its back-off a name that is held is not asked for again, and one that was forgotten is.
  for (const name of ['/999', '/990', '/989']) await expect(world.reader.read(name)).rejects.toThrow();
  expect(world.calls).toEqual(['/989']);
});

test('a closed reader holds nothing, ends what waits and reads no more', async () => {
  let signal: AbortSignal | undefined;
  const world = arrange({
    read: (_, options) => {
      ({ signal } = options);
      return new Promise(() => undefined);
    },
  });
  const waiting = world.reader.read(db);
  const refused = expect(waiting).rejects.toMatchObject({ parameter: db, reason: 'ReaderClosed' });

  world.reader.close();
  world.reader.close();

  await refused;
  expect(signal?.aborted).toBe(true);
  expect(world.failures).toEqual([]);
  await expect(world.reader.read(db)).rejects.toMatchObject({ reason: 'ReaderClosed' });
  await expect(world.reader.refresh(db)).rejects.toMatchObject({ reason: 'ReaderClosed' });
});

test('a call that has ended leaves no timer, and is not aborted later', async () => {
  const signals: AbortSignal[] = [];
  const world = arrange({
    ttlMs: 0,
    read: async (_, { signal }) => {
      signals.push(signal);
      return { value, version: 7 };
    },
  });
  const timers = () => process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length;
  const before = timers();
  for (let read = 0; read < 1_000; read += 1) await world.reader.read(db);

  // The runner may have begun or ended one of its own.
  expect(timers()).toBeLessThan(before + 100);
  world.reader.close();
  expect(signals.filter(({ aborted }) => aborted)).toEqual([]);
});

test('a value is in nothing that is printed of the reader or thrown by it', async () => {
  const world = arrange({ onFailure: () => undefined });
  await world.reader.read(db);
  // What a parser says of a value it cannot parse.
  world.error = new SyntaxError(`Unexpected token 'Z', "${value}" is not valid JSON`, { cause: new Error(value) });
  world.nowMs += defaults.staleMs;
  const thrown: unknown = await world.reader.read(db).catch((error: unknown) => error);
  world.error = undefined;
  world.nowMs += defaults.maxBackOffMs;
  await world.reader.read(db);

  const shown = [world.reader, thrown].flatMap((each) => [
    inspect(each, { depth: Infinity, showHidden: true, getters: true }),
    JSON.stringify(each),
    String(each),
  ]);
  const sinks = shown.map((text, index) => ({ name: `text ${index}`, content: Buffer.from(text) }));
  expect((await scanSinks([{ name: 'the value', value }], sinks)).leaks).toEqual([]);
  expect(thrown).toMatchObject({ message: `parameter ${db} could not be read (SyntaxError)` });
});

test('an error whose name is a sentence is told as an error', async () => {
  const world = arrange();
  world.error = Object.assign(new Error('x'), { name: `login with ${value}` });

  await expect(world.reader.read(db)).rejects.toThrow(`parameter ${db} could not be read (Error)`);
});

test('what is answered cannot be changed for the next reader', async () => {
  const { reader } = arrange();

  expect(Object.isFrozen(await reader.read(db))).toBe(true);
});

test.each([{ ttlMs: -1 }, { staleMs: Number.NaN }, { timeoutMs: 0 }, { maxNames: 0 }, { olderMs: Infinity }])(
  'the number in %o is refused',
  (options) => {
    expect(() => arrange(options)).toThrow(RangeError);
  },
);
