import { describe, expect, test } from 'vitest';
import { keyturnError } from '../../src/core/errors.js';
import { Scrubber } from '../../src/core/scrub.js';
import { Secret } from '../../src/core/secret.js';
import type { Log } from '../../src/telemetry/log.js';
import { capturedLog } from './log-lines.js';

const value = 'canary-"7Zq\\+/=?&-Łx';

/** Every way a value has been seen to get past redaction by name. */
const shapes: Readonly<Record<string, (log: Log, leaf: unknown) => void>> = {
  'nested two deep': (log, leaf) => log.info({ outer: { inner: { leaf } } }, 'said'),
  'element of an array': (log, leaf) => log.info({ list: [['x', leaf]] }, 'said'),
  'text of the message': (log, leaf) => log.info({}, `said ${leaf as string}`),
  'message of an error': (log, leaf) => log.info({ error: new Error(`said ${leaf as string}`) }, 'said'),
  'stack of an error': (log, leaf) => log.info({ error: withStack(leaf) }, 'said'),
  'property of an error': (log, leaf) => log.info({ error: Object.assign(new Error('said'), { leaf }) }, 'said'),
  'chain of causes': (log, leaf) =>
    log.info({ error: new Error('said', { cause: new Error('why', { cause: leaf }) }) }, 'said'),
  'errors of an AggregateError': (log, leaf) =>
    log.info({ error: new AggregateError([Object.assign(new Error('one'), { leaf }), leaf], 'said') }, 'said'),
  'map and set': (log, leaf) => log.info({ map: new Map([['key', leaf]]), set: new Set([leaf]) }, 'said'),
  buffer: (log) => log.info({ buffer: Buffer.from(value), list: [new TextEncoder().encode(value)] }, 'said'),
  'getter and toJSON': (log, leaf) =>
    log.info(
      {
        got: {
          get leaf() {
            return leaf;
          },
        },
        made: { toJSON: () => ({ leaf }) },
        object: new Holder(leaf),
      },
      'said',
    ),
  'userinfo of a URL': (log, leaf) =>
    log.info({ url: `postgres://user:${leaf as string}@db.internal/x`, parsed: urlWith(leaf) }, 'said'),
};

class Holder {
  constructor(readonly leaf: unknown) {}
  toJSON(): unknown {
    return { leaf: this.leaf };
  }
}

function withStack(leaf: unknown): Error {
  const error = new Error('said');
  error.stack = `Error: said\n    at ${leaf as string}`;
  return error;
}

function urlWith(leaf: unknown): URL {
  const url = new URL('postgres://user@db.internal/x');
  url.password = leaf as string;
  return url;
}

/** What of the value is in the text, in any of its forms. */
function foundIn(text: string): readonly string[] {
  const bytes = Buffer.from(value);
  const json = JSON.stringify(value).slice(1, -1);
  const url = new URL('a://b');
  url.password = value;
  const forms = [
    value,
    json,
    encodeURIComponent(value),
    url.password,
    bytes.toString('base64'),
    bytes.toString('hex'),
    bytes.join(','),
    '7Zq',
  ];
  return forms.filter((form) => text.includes(form));
}

describe.each(Object.entries(shapes))('%s', (_, write) => {
  test('a Secret in it is not printed', () => {
    const { log, text } = capturedLog();

    try {
      write(log, Secret.fromText(value));
    } catch (error) {
      // A Secret in a text is an error of the one who writes the line.
      expect(error).toMatchObject({ code: 'SECRET_STRINGIFIED' });
    }

    expect(foundIn(text())).toEqual([]);
  });

  test('a value seen before is not printed', () => {
    const seen = new Scrubber();
    seen.learn([Secret.fromText(value)]);
    const { log, text } = capturedLog({ seen });

    write(log, value);

    expect(text()).toContain('said');
    expect(foundIn(text())).toEqual([]);
  });
});

test('all twelve shapes are tried', () => {
  expect(Object.keys(shapes)).toHaveLength(12);
});

test('a Secret prints as [secret]', () => {
  const { log, lines } = capturedLog();

  log.info({ held: { secret: Secret.fromText(value), list: [Secret.fromText(value)] } }, 'said');

  expect(lines()[0]).toMatchObject({ held: { secret: '[secret]', list: ['[secret]'] } });
});

test('the scan of these tests finds a planted value', () => {
  const { log, text } = capturedLog();

  log.info({ planted: value }, 'said');

  expect(foundIn(text())).not.toEqual([]);
});

test('a line is one JSON document with level, time, message and fields', () => {
  const { log, lines } = capturedLog();

  log.child({ worker: 'w-1' }).warn({ step: 'create', tookMs: 12 }, 'step failed');

  expect(lines()).toEqual([
    {
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      message: 'step failed',
      worker: 'w-1',
      step: 'create',
      tookMs: 12,
    },
  ]);
});

test('a field cannot take the place of the level, the time or the message', () => {
  const { log, lines } = capturedLog();

  log.info({ level: 'error', message: 'forged' }, 'true');

  expect(lines()[0]).toMatchObject({ level: 'info', message: 'true', level_: 'error', message_: 'forged' });
});

test('a line break in a field starts no new line', () => {
  const { log, text, lines } = capturedLog();

  log.info({ reason: 'x\n{"level":"error","message":"forged"}\u2028\u001b[31m' }, 'said\nforged');

  expect(text().trimEnd().split('\n')).toHaveLength(1);
  expect(text()).not.toContain('\u001b');
  expect(lines()[0]?.['message']).toBe('said\nforged');
});

test.each(['password', 'dbPassword', 'authorization', 'api_key', 'access_token'])(
  'a field named %s is redacted',
  (name) => {
    const { log, text } = capturedLog();

    log.info({ deep: { [name]: 'unknown-value' }, map: new Map([[name, 'unknown-value']]) }, 'said');

    expect(text()).not.toContain('unknown-value');
  },
);

test('an error of ours keeps name, code and sentence', () => {
  const { log, lines } = capturedLog();

  log.error({ error: keyturnError('QUEUE_UNAVAILABLE', {}, new Error('planted')) }, 'said');

  expect(lines()[0]?.['error']).toEqual({
    name: 'RetryableError',
    code: 'QUEUE_UNAVAILABLE',
    message: expect.stringMatching(/^QUEUE_UNAVAILABLE: /) as string,
  });
});

test('an unknown error keeps its name, code and a message without credentials, and no stack', () => {
  const { log, lines } = capturedLog({ level: 'debug' });

  log.debug(
    {
      error: Object.assign(new RangeError('at redis://u:word@h:1, password=word x'), {
        code: 'ECONNREFUSED',
        extra: 1,
      }),
    },
    'said',
  );

  expect(lines()[0]?.['error']).toEqual({
    name: 'RangeError',
    code: 'ECONNREFUSED',
    message: 'at redis://[redacted]@h:1, password=[redacted] x',
  });
});

test('what cannot be printed does not stop the line', () => {
  const { log, lines } = capturedLog();
  const circular: Record<string, unknown> = {
    big: 10n,
    symbol: Symbol('x'),
    run: () => 1,
    broken: new Date(Number.NaN),
  };
  circular['self'] = circular;

  log.info({ circular }, 'said');

  expect(lines()[0]?.['circular']).toEqual({
    big: '10',
    symbol: '[symbol]',
    run: '[function]',
    broken: '[date]',
    self: '[circular]',
  });
});

test('a level below the one asked for is not written', () => {
  const { log, text } = capturedLog({ level: 'warn' });

  log.info({}, 'said');

  expect(text()).toBe('');
});
