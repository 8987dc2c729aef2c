import { type ParameterAnswer, cachedReaderDefaults as defaults } from 'keyturn/consumer';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { ThrottlingException, arrange, db, readFor, value } from './arranged-reader.js';

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

test('a refused value that the store confirms is held as any other', async () => {
  const world = arrange();
  await world.reader.read(db);
  world.nowMs += defaults.firstBackOffMs;
  world.reader.invalidate(db, 7);
  await world.reader.read(db);

  world.nowMs += defaults.ttlMs - 1;
  await world.reader.read(db);
  expect(world.calls).toHaveLength(2);
});

test('a newer value that was on its way when the older was refused is held as any other', async () => {
  const world = arrange();
  await world.reader.read(db);
  world.answer = { value: 'newer', version: 8 };
  world.nowMs += defaults.ttlMs;
  const read = world.reader.read(db);
  world.reader.invalidate(db, 7);
  await read;

  world.nowMs += defaults.ttlMs - 1;
  expect((await world.reader.read(db)).value).toBe('newer');
  expect(world.calls).toHaveLength(2);
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

test('refresh waits for the store also where it has just failed', async () => {
  const world = arrange();
  await world.reader.read(db);
  world.error = new Error('away');
  await world.reader.refresh(db);
  world.error = undefined;
  world.answer = { value: 'promoted', version: 8 };
  world.nowMs += defaults.firstBackOffMs;

  expect((await world.reader.refresh(db)).value).toBe('promoted');
});
