import { inspect } from 'node:util';
import {
  type CachedReader,
  type CachedReaderOptions,
  type ParameterAnswer,
  type ReadFailure,
  cachedReaderDefaults as defaults,
  createCachedReader,
} from 'keyturn/consumer';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { scanSinks } from '../support/leak-scanner.js';

const value = 'Zm9vYmFyYmF6cXV4Zm9vYmFy';
const db = '/prod/billing/db:current';

class ThrottlingException extends Error {
  override readonly name = 'ThrottlingException';
}

/** A store the application reads, a clock that goes when told to, and no chance. */
function arrange(options: Partial<CachedReaderOptions<string>> = {}) {
  const world = {
    nowMs: 1_000_000,
    calls: [] as string[],
    failures: [] as ReadFailure[],
    answer: { value, version: 7 } as ParameterAnswer<string>,
    /** Thrown instead, while it is there. */
    error: undefined as Error | undefined,
    reader: undefined as unknown as CachedReader<string>,
  };
  world.reader = createCachedReader<string>({
    read: async (name) => {
      world.calls.push(name);
      if (world.error !== undefined) throw world.error;
      return world.answer;
    },
    now: () => world.nowMs,
    random: () => 0,
    onFailure: (failure) => world.failures.push(failure),
    ...options,
  });
  return world;
}

/** Reads once a second for so long; the value read last. */
async function readFor(world: ReturnType<typeof arrange>, forMs: number): Promise<string> {
  let last = '';
  for (const endMs = world.nowMs + forMs; world.nowMs < endMs; world.nowMs += 1_000) {
    last = (await world.reader.read(db)).value;
    // What was begun behind an answer ends before the next one.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return last;
}

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

  world.error = undefined;
  world.nowMs += defaults.maxBackOffMs;
  expect((await world.reader.read(db)).value).toBe(value);
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

test('an older version once is a replica that lags, and is not taken', async () => {
  const world = arrange();
  await world.reader.read(db);
  world.answer = { value: 'older', version: 6 };
  world.nowMs += defaults.ttlMs;
  expect((await world.reader.read(db)).value).toBe(value);

  world.answer = { value: 'newer', version: 8 };
  world.nowMs += defaults.olderMs / 2;
  expect((await world.reader.read(db)).value).toBe('newer');
});

test('replicas that answer in turn never bring the older version in', async () => {
  const world = arrange();
  await world.reader.read(db);

  for (let turn = 0; turn < 200; turn += 1) {
    world.answer = turn % 2 === 0 ? { value: 'older', version: 6 } : { value, version: 7 };
    world.nowMs += defaults.olderMs * 0.7;
    expect((await world.reader.read(db)).value).toBe(value);
  }
});

test('an older version that stays is a label moved back or a parameter made anew, and is taken', async () => {
  const world = arrange();
  await world.reader.read(db);
  world.answer = { value: 'made anew', version: 1 };

  expect(await readFor(world, defaults.ttlMs + defaults.olderMs)).toBe(value);
  expect((await world.reader.read(db)).value).toBe('made anew');
  expect(world.calls.length).toBeLessThanOrEqual(4);
});

test('an older version is taken at once where the held one is too old or was refused', async () => {
  const old = arrange();
  await old.reader.read(db);
  old.answer = { value: 'older', version: 6 };
  old.nowMs += defaults.staleMs;
  expect((await old.reader.read(db)).value).toBe('older');

  const refused = arrange();
  await refused.reader.read(db);
  refused.answer = { value: 'older', version: 6 };
  refused.nowMs += defaults.firstBackOffMs;
  refused.reader.invalidate(db, 7);
  expect((await refused.reader.read(db)).value).toBe('older');
});

test('a loop of refused logins is one call in the first back-off', async () => {
  const world = arrange();
  for (let login = 0; login < 1_000; login += 1) {
    const { version } = await world.reader.read(db);
    world.reader.invalidate(db, version);
    world.nowMs += 10;
  }

  expect(world.calls).toHaveLength(10);
});

test('a refusal of a version that is no longer held changes nothing', async () => {
  const world = arrange();
  await world.reader.read(db);
  world.nowMs += defaults.firstBackOffMs;

  world.reader.invalidate(db, 6);
  world.reader.invalidate('/never/read');
  await world.reader.read(db);

  expect(world.calls).toHaveLength(1);
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

test('a value asked for before it was refused is asked for again', async () => {
  const answers: ((answer: ParameterAnswer<string>) => void)[] = [];
  const world = arrange({ read: () => new Promise((resolve) => answers.push(resolve)) });
  const first = world.reader.read(db);
  answers[0]?.({ value, version: 7 });
  await first;

  world.nowMs += defaults.ttlMs;
  const second = world.reader.read(db);
  world.reader.invalidate(db, 7);
  answers[1]?.({ value, version: 7 });
  await second;

  world.nowMs += defaults.firstBackOffMs;
  const third = world.reader.read(db);
  answers[2]?.({ value: 'newer', version: 8 });
  expect((await third).value).toBe('newer');
});

test('refresh asks at once, and a call that was already under way does not count', async () => {
  const answers: ((answer: ParameterAnswer<string>) => void)[] = [];
  const world = arrange({ read: () => new Promise((resolve) => answers.push(resolve)) });
  const read = world.reader.read(db);

  const refreshed = Array.from({ length: 1_000 }, () => world.reader.refresh(db));
  answers[0]?.({ value, version: 7 });
  expect((await read).version).toBe(7);
  await eventually('the second call', () => answers.length === 2);
  answers[1]?.({ value: 'promoted', version: 8 });

  expect(new Set((await Promise.all(refreshed)).map(({ version }) => version))).toEqual(new Set([8]));
  expect(answers).toHaveLength(2);
  expect((await world.reader.read(db)).value).toBe('promoted');
});

test('refresh while backing off answers what is held', async () => {
  const world = arrange();
  await world.reader.read(db);
  world.error = new ThrottlingException('Rate exceeded');

  for (let webhook = 0; webhook < 100; webhook += 1) expect((await world.reader.refresh(db)).value).toBe(value);
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
