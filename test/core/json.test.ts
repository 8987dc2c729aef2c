import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findNonJson } from '../../src/core/json.js';
import { Secret } from '../../src/core/secret.js';

class Point {
  x = 1;
}

describe('plain JSON', () => {
  it('is what survives the journal unchanged', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(findNonJson(value)).toBeUndefined();
      }),
    );
  });

  it('may come from a JSON parser or have no prototype', () => {
    expect(findNonJson(Object.assign(Object.create(null) as object, { a: [null, true, 0, ''] }))).toBeUndefined();
  });
});

describe('what is not JSON is named by its path', () => {
  it.each<[string, unknown]>([
    ['output', undefined],
    ['output', () => 1],
    ['output', Symbol('s')],
    ['output', 1n],
    ['output', Number.NaN],
    ['output', Number.POSITIVE_INFINITY],
    ['output', Secret.fromText('value')],
    ['output', new Point()],
    ['output', new Date(0)],
    ['output', new Map()],
    ['output.password', { user: 'app', password: Secret.fromText('value') }],
    ['output[1]', [1, undefined]],
    ['output.list[0].deep', { list: [{ deep: new Uint8Array(1) }] }],
  ])('%s', (path, value) => {
    expect(findNonJson(value)).toBe(path);
  });

  it('below another root', () => {
    expect(findNonJson([Secret.fromText('value')], 'facts')).toBe('facts[0]');
  });
});
