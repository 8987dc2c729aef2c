import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/core/secret.js';
import { eventually } from '../../support/eventually.js';
import { scrubbed } from './scrubbed.js';
import { aContext, connected, open, thrownBy, writePlugin } from './plugin.js';

const value = 'kt-canary-value-of-the-credential';
const credential = { identity: 'acme-1', value: Secret.fromText(value) };

/** Tells its process, and does on `create` what the test says. */
const withCreate = (create: string): string =>
  `() => ({ create: ${create}, identify: async () => ({ system: String(process.pid) }) })`;
const hasEnded = (pid: string): boolean => {
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch {
    return true;
  }
};

describe('a call that is aborted', () => {
  test('reaches the rotator as an abort, and its answer is still taken', async () => {
    const { connection } = await connected({
      members: withCreate(
        "(_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new RangeError('given up'))))",
      ),
    });
    const lines: string[] = [];
    const { system } = await connection.identify(aContext({}, lines));

    const error = await thrownBy(connection.create(credential, aContext({ deadlineMs: 100 }, lines)));

    expect(error).toMatchObject({ name: 'RangeError', message: 'given up' });
    expect((await connection.identify(aContext())).system).toBe(system);
  });

  test.each([
    ['never answers', 'async () => new Promise(() => {})'],
    ['holds up its process', 'async () => { for (;;); }'],
  ])('ends the process of a rotator that %s, and the next call has another one', async (_, create) => {
    const { connection } = await connected({ members: withCreate(create) });
    const { system } = await connection.identify(aContext());

    const error = await thrownBy(connection.create(credential, aContext({ deadlineMs: 100 })));

    expect(error).toMatchObject({
      code: 'ROTATOR_CRASHED',
      facts: { call: 'create', finding: 'it did not answer call within 100 ms' },
    });
    expect(error.facts).not.toHaveProperty('outcome');
    expect(hasEnded(system)).toBe(true);
    expect((await connection.identify(aContext())).system).not.toBe(system);
  });

  test('is not sent where it was aborted before', async () => {
    const { connection } = await connected({ members: withCreate("async () => ({ identity: 'made' })") });

    await expect(connection.create(credential, aContext({ signal: AbortSignal.abort() }))).rejects.toThrow('abort');
  });
});

describe('a process that ends in a call', () => {
  test.each([
    ['process.exit(0)', 'it ended with code 0'],
    ['process.abort()', 'it was ended by SIGABRT'],
    ['void Promise.reject(new Error()); await new Promise(() => {})', 'it ended with code 1'],
    ["(await import('node:fs')).closeSync(3); await new Promise(() => {})", 'it closed its line to the worker'],
    ["(await import('node:fs')).writeSync(3, 'garbage'); await new Promise(() => {})", 'it sent a message of'],
  ])('by %s is a crash with an unknown outcome', async (does, finding) => {
    const { connection } = await connected({ members: withCreate(`async () => { ${does}; }`) });

    const error = await thrownBy(connection.create(credential, aContext()));

    expect(error).toMatchObject({ code: 'ROTATOR_CRASHED', facts: { rotator: 'acme', call: 'create' } });
    expect(error.message).toContain(finding);
  });

  test('or ended before it is a crash without an effect, and the call after it has another process', async () => {
    const { connection } = await connected({
      members: `() => ({ identify: async () => { setImmediate(() => process.exit(3)); return { system: process.cwd() }; } })`,
    });
    const { system } = await connection.identify(aContext());
    await eventually('it has ended', () => !existsSync(system));

    expect(await thrownBy(connection.identify(aContext()))).toMatchObject({
      code: 'ROTATOR_CRASHED',
      facts: { outcome: 'none' },
    });
    expect((await connection.identify(aContext())).system).not.toBe(system);
  });

  test('three times in a row is left alone until a quarter of an hour has passed, and one crash more begins the next', async () => {
    let nowMs = 0;
    const { connection } = await connected(
      { members: withCreate('async () => process.exit(3)') },
      { nowMs: () => nowMs },
    );
    const create = async () => (await thrownBy(connection.create(credential, aContext()))).code;

    expect([await create(), await create(), await create()]).toEqual(Array(3).fill('ROTATOR_CRASHED'));
    expect(await thrownBy(connection.identify(aContext()))).toMatchObject({
      code: 'ROTATOR_QUARANTINED',
      facts: { rotator: 'acme', crashes: 3, minutes: 15 },
    });

    nowMs = 900_000;
    expect([await create(), await create()]).toEqual(['ROTATOR_CRASHED', 'ROTATOR_QUARANTINED']);
  });

  test('that several calls waited for is one crash', async () => {
    const { connection } = await connected({ members: withCreate('async () => process.exit(3)') });
    const create = async () => (await thrownBy(connection.create(credential, aContext()))).code;

    await Promise.all([create(), create(), create()]);

    expect(await create()).toBe('ROTATOR_CRASHED');
  });

  test('is the third in a row although its processes have answered other calls before', async () => {
    const { connection } = await connected({ members: withCreate('async () => process.exit(3)') });
    const create = async () => {
      await connection.identify(aContext());
      return (await thrownBy(connection.create(credential, aContext()))).code;
    };

    expect([await create(), await create(), await create()]).toEqual(Array(3).fill('ROTATOR_CRASHED'));
    expect((await thrownBy(connection.identify(aContext()))).code).toBe('ROTATOR_QUARANTINED');
  });

  test('is not the third in a row where one in between ended as it was told to', async () => {
    const { connection, rotator } = await connected({ members: withCreate('async () => process.exit(3)') });
    const create = async () => (await thrownBy(connection.create(credential, aContext()))).code;

    await create();
    await create();
    const another = rotator.connect({});
    await another.identify(aContext({ rotationId: 'r2' }));
    await another.close();

    expect([await create(), await create()]).toEqual(['ROTATOR_CRASHED', 'ROTATOR_CRASHED']);
  });

  test('is the third in a row where one in between had to be killed because it did not close', async () => {
    const { connection, rotator } = await connected({
      members: withCreate('async () => process.exit(3)').replace('({ create', '({ close: () => { for (;;); }, create'),
    });
    const create = async () => (await thrownBy(connection.create(credential, aContext()))).code;

    await create();
    await create();
    const another = rotator.connect({});
    await another.identify(aContext({ rotationId: 'r2' }));
    await another.close();

    expect([await create(), await create()]).toEqual(['ROTATOR_CRASHED', 'ROTATOR_QUARANTINED']);
  });
});

describe('memory without end', () => {
  test.each([
    ['in its heap', 'const all = []; for (;;) all.push(new Array(10_000).fill(0).map(() => ({})));', 'of heap'],
    [
      'outside its heap',
      'const all = []; for (;;) { all.push(Buffer.alloc(4_194_304, 1)); await new Promise((done) => setImmediate(done)); }',
      'MB of memory it may have',
    ],
  ])('%s ends the process and not the worker', async (_, does, finding) => {
    const { connection } = await connected({ members: withCreate(`async () => { ${does} }`) });

    const error = await thrownBy(connection.create(credential, aContext()));

    expect(error.code).toBe('ROTATOR_CRASHED');
    expect(error.message).toContain(finding);
  });
});

describe('an answer of the wrong shape', () => {
  test.each([
    ['create', '{ identity: 7 }', 'identity'],
    ['create', 'undefined', 'the whole of it'],
    ['create', "{ identity: 'a', value: 'text in the place of a secret' }", 'value'],
    ['create', "{ identity: 'x'.repeat(100_000) }", 'identity'],
  ])('of %s is refused: %s', async (_, answer, finding) => {
    const { connection } = await connected({ members: withCreate(`async () => (${answer})`) });

    const error = await thrownBy(connection.create(credential, aContext()));

    expect(error).toMatchObject({
      code: 'ROTATOR_ANSWER_INVALID',
      facts: { rotator: 'acme', call: 'create', finding },
    });
  });

  test.each(['() => {}', 'new Map()', '{ at: new Date() }'])('%s is no answer', async (answer) => {
    const { connection } = await connected({ members: withCreate(`async () => (${answer})`) });

    await expect(connection.create(credential, aContext())).rejects.toThrow();
  });

  test('longer than a message may be is an error of the rotator', async () => {
    const { connection } = await connected({
      members: withCreate("async () => ({ identity: 'x'.repeat(2_000_000) })"),
    });

    expect(await thrownBy(connection.create(credential, aContext()))).toMatchObject({
      name: 'TypeError',
      message: 'a message is longer than 1048576 bytes',
    });
  });

  test('carries nothing further: what the contract does not name is left behind', async () => {
    const { connection } = await connected({
      members: withCreate("async () => ({ identity: 'a', note: 'look at this', __proto__: { isAdmin: true } })"),
    });

    expect(await connection.create(credential, aContext())).toEqual({ identity: 'a' });
  });
});

describe('what a process writes', () => {
  const printing = (what: string): string =>
    `() => ({ create: async ({ value }) => {
      const text = new TextDecoder().decode(value[Symbol.for('keyturn.secret.open')]());
      ${what}
      return { identity: 'a' };
    } })`;

  test('is logged once it has ended, without values, even where one was written in pieces', async () => {
    const lines: string[] = [];
    const { connection } = await connected({
      members:
        printing(`for (const letter of 'it is ' + text) { process.stdout.write(letter); await new Promise((done) => setImmediate(done)); }
        console.error(encodeURIComponent(text + '!'));`),
    });

    await connection.create(credential, aContext({ log: scrubbed(lines, [value, `${value}!`]) }));
    await connection.close();

    expect(lines).toEqual(['debug the process of the rotator wrote this {"text":"it is [secret]\\n[secret]\\n"}']);
  });

  test('is shown as a warning where it crashed', async () => {
    const lines: string[] = [];
    const { connection } = await connected({ members: printing("console.error('about to fail'); process.exit(1);") });

    await thrownBy(connection.create(credential, aContext({}, lines)));

    expect(lines).toEqual(['warn the process of the rotator wrote this {"text":"about to fail\\n"}']);
  });

  test('is not shown where it crashed while it made a value: nobody knows what to look for', async () => {
    const lines: string[] = [];
    const made = 'made-by-the-provider-and-printed';
    const { connection } = await connected({
      members: withCreate(`async () => { require('node:fs').writeSync(1, '${made}'); process.exit(1); }`),
      top: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    });

    await thrownBy(connection.create({ identity: 'acme-1' }, aContext({}, lines)));

    expect(lines).toEqual([
      `warn what the process of the rotator wrote is not shown: it was making a value {"bytes":${made.length}}`,
    ]);
  });

  test('is not shown at all where it is more than 64 KiB', async () => {
    const lines: string[] = [];
    const { connection } = await connected({
      members: printing(
        "process.stdout.write((text + ' ').repeat(10_000)); await new Promise((done) => setImmediate(done));",
      ),
    });

    await connection.create(credential, aContext({}, lines));
    await connection.close();

    expect(lines).toEqual(['debug the process of the rotator wrote too much to be shown {"bytes":340000}']);
  });

  test('is scrubbed where it goes through the log of the call', async () => {
    const lines: string[] = [];
    const { connection } = await connected({
      members: `() => ({ create: async ({ value }, { log }) => {
        log.warn({ text: new TextDecoder().decode(value[Symbol.for('keyturn.secret.open')]()) }, 'look');
        return { identity: 'a' };
      } })`,
    });

    await connection.create(credential, aContext({ log: scrubbed(lines, [value]) }));

    expect(lines).toEqual(['warn look {"text":"[secret]"}']);
  });
});

test.each([1_980, 3_980])(
  'a value after %i characters is not cut in two where it is logged and thrown',
  async (before) => {
    const lines: string[] = [];
    const { connection } = await connected({
      members: `() => ({ create: async ({ value }, { log }) => {
      const text = 'x'.repeat(${before}) + new TextDecoder().decode(value[Symbol.for('keyturn.secret.open')]());
      log.warn({ text }, text);
      throw new RangeError(text);
    } })`,
    });
    const log = scrubbed(lines, [value]);

    const error = await thrownBy(connection.create(credential, aContext({ log })));
    log.warn({}, error.message);

    expect(lines).toHaveLength(2);
    expect(lines.join(' ')).not.toContain(value.slice(0, 12));
  },
);

test('what a rotator logs is plain, and no more than 500 lines of one process', async () => {
  const lines: string[] = [];
  const { connection } = await connected({
    members: `() => ({ create: async ({ value }, { log }) => {
      for (let line = 0; line < 600; line += 1) log.debug({ line, value, all: { value } }, 'again');
      return { identity: 'a' };
    } })`,
  });

  await connection.create(credential, aContext({}, lines));

  expect(lines).toHaveLength(500);
  expect(lines[0]).toBe('debug again {"line":0,"value":"[secret]","all":"{ value: [secret] }"}');
});

describe('a package that is not what was reviewed', () => {
  test('is refused at start, with both hashes and the command that prints one', async () => {
    const plugin = await writePlugin();
    await appendFile(join(plugin.folder, 'index.js'), '\n');

    const error = await thrownBy(open(plugin));

    expect(error).toMatchObject({
      code: 'ROTATOR_INTEGRITY',
      facts: { package: plugin.folder, expected: plugin.isolation.integrity },
    });
    expect(error.message).toMatch(
      new RegExp(`expected sha512-\\S+, found sha512-\\S+\\. .* keyturn rotator integrity ${plugin.folder};`),
    );
  });

  test('is refused before each start of its process', async () => {
    const { connection, plugin } = await connected({ members: withCreate("async () => ({ identity: 'a' })") });
    await connection.create(credential, aContext());
    await appendFile(join(plugin.folder, 'index.js'), '\n');

    await connection.create(credential, aContext());
    expect(await thrownBy(connection.create(credential, aContext({ rotationId: 'r2' })))).toMatchObject({
      code: 'ROTATOR_INTEGRITY',
    });
  });
});

describe('a package that does not load', () => {
  test.each([
    [
      { top: "import 'nobody-has-this/inside';" },
      'it imports nobody-has-this, which is not installed. Run: npm install nobody-has-this',
    ],
    [{ top: "throw new TypeError('no \\u001b[31mway');" }, 'it failed to load: TypeError: no  [31mway'],
    [{ top: 'process.exit(4);' }, 'it ended with code 4'],
    [{ contract: 'null' }, 'what it says of itself is not what the contract asks for (contract)'],
  ])('is refused at start: %j', async (text, says) => {
    const error = await thrownBy(open(await writePlugin(text as object)));

    expect(error.code).toBe('ROTATOR_UNFIT');
    expect(error.message).toContain(says);
  });

  test('in time is refused at start', async () => {
    const plugin = await writePlugin({ top: 'await new Promise(() => setInterval(() => {}, 1_000));' });

    expect((await thrownBy(open(plugin, { describeMaxMs: 1_000 }))).message).toContain(
      'it did not answer describe within 1000 ms',
    );
  });
});
