import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format, inspect, isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Secret, SecretStringified, isSecret, openSecret, sameSecret } from '../../src/core/secret.js';

const value = 'kt-canary-5fQ2nB8xYc71';
const secret = Secret.fromText(value);

/** What `console.log` writes. */
function logged(...args: readonly unknown[]): string {
  let text = '';
  const stdout = new Writable({
    write(chunk: Buffer, _, done) {
      text += chunk.toString();
      done();
    },
  });
  new Console(stdout).log(...args);
  return text;
}

describe('turning a Secret into text throws', () => {
  it.each<[string, (each: Secret) => unknown]>([
    ['String', (each) => String(each)],
    ['a template', (each) => `${each as unknown as string}`],
    ['+', (each) => (each as unknown as string) + ''],
    ['a comparison', (each) => (each as unknown as string) < 'a'],
    ['Number', (each) => Number(each)],
    ['toString', (each) => each.toString()],
    ['valueOf', (each) => each.valueOf()],
    ['join', (each) => [each].join()],
    ['JSON', (each) => JSON.stringify(each)],
    ['JSON of what holds it', (each) => JSON.stringify({ login: [{ each }] })],
    ['concat', (each) => 'a'.concat(each as unknown as string)],
    ['a property name', (each) => ({})[each as unknown as string]],
    ['an error message', (each) => new Error(each as unknown as string)],
    ['a regular expression', (each) => new RegExp(each as unknown as string)],
    ['a URL', (each) => new URL('https://example.com/?q=').searchParams.set('q', each as unknown as string)],
    ['Buffer', (each) => Buffer.from(each as unknown as string)],
    ['format %j', (each) => format('%j', each)],
  ])('%s', (_, turn) => {
    expect(() => turn(secret)).toThrow(SecretStringified);
    expect(() => turn(secret)).not.toThrow(new RegExp(value));
  });

  it('with a code, and a message that says what to do instead', () => {
    expect(() => String(secret)).toThrow(
      expect.objectContaining({ code: 'SECRET_STRINGIFIED', message: expect.stringMatching(/log its digest/) }),
    );
  });
});

describe('showing a Secret shows [secret]', () => {
  const showing: readonly [string, () => string][] = [
    ['inspect', () => inspect(secret)],
    ['inspect of what holds it', () => inspect({ deep: { deeper: [{ secret }] } }, { depth: 10 })],
    ['inspect with everything hidden shown', () => inspect({ secret }, { showHidden: true, getters: true, depth: 10 })],
    ['console.log', () => logged(secret, { secret })],
    ['console.log with %o', () => logged('%o %O', secret, secret)],
    ['a cause', () => inspect(new Error('failed', { cause: secret }))],
    ['a property of an error', () => inspect(Object.assign(new Error('failed'), { secret }))],
    ['an aggregate', () => inspect(new AggregateError([secret], 'failed'))],
    ['a map', () => inspect(new Map([[secret, new Set([secret])]]), { depth: 5 })],
  ];

  it.each(showing)('%s', (_, show) => {
    expect(show()).toContain('[secret]');
    expect(show()).not.toContain(value);
  });

  it('or nothing of it, where custom inspection is switched off', () => {
    expect(inspect(secret, { customInspect: false, showHidden: true })).not.toContain(value);
  });
});

describe('copying a Secret copies no value', () => {
  it.each<[string, () => unknown]>([
    ['structuredClone', () => structuredClone(secret)],
    ['spread', () => ({ ...secret })],
    ['entries', () => Object.entries(secret)],
    ['own names', () => Reflect.ownKeys(secret)],
    ['assign', () => Object.assign({}, secret)],
  ])('%s', (_, copy) => {
    expect(isSecret(copy())).toBe(false);
    expect(inspect(copy(), { showHidden: true })).not.toContain(value);
  });

  it('deep equality looks at what is public, which is nothing', () => {
    expect(isDeepStrictEqual(Reflect.ownKeys(secret), [])).toBe(true);
  });
});

describe('two copies of the package', () => {
  afterEach(() => vi.resetModules());

  it('know and open the secrets of each other', async () => {
    vi.resetModules();
    const other = await import('../../src/core/secret.js');
    const theirs = other.Secret.fromText(value);
    expect(theirs).not.toBeInstanceOf(Secret);
    expect(isSecret(theirs)).toBe(true);
    expect(other.isSecret(secret)).toBe(true);
    expect(sameSecret(theirs, secret)).toBe(true);
    expect(Buffer.from(openSecret(theirs)).toString()).toBe(value);
  });
});

describe('isSecret', () => {
  it.each([null, undefined, value, 1, {}, [], { bytes: new Uint8Array(1) }, new Uint8Array(1), () => secret])(
    '%j is none',
    (each) => {
      expect(isSecret(each)).toBe(false);
    },
  );
});

it('opening gives the bytes themselves', () => {
  const bytes = new Uint8Array([1, 2, 3]);
  expect(openSecret(new Secret(bytes))).toBe(bytes);
});

it('text is kept as UTF-8', () => {
  expect([...openSecret(Secret.fromText('é'))]).toEqual([0xc3, 0xa9]);
});

it('wiping overwrites the value, as often as it is done', () => {
  const wiped = Secret.fromText(value);
  wiped.wipe();
  wiped.wipe();
  expect(openSecret(wiped).every((byte) => byte === 0)).toBe(true);
});

it('two secrets are the same when their bytes are', () => {
  const bytes = fc.uint8Array({ maxLength: 40 });
  fc.assert(
    fc.property(bytes, bytes, (a, b) => sameSecret(new Secret(a), new Secret(b)) === (Buffer.compare(a, b) === 0)),
  );
  fc.assert(fc.property(bytes, (a) => sameSecret(new Secret(a), new Secret(a.slice()))));
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (a, at, bits) => {
        const changed = a.slice();
        changed[at % a.length]! ^= bits;
        return !sameSecret(new Secret(a), new Secret(changed));
      },
    ),
  );
});
