import { describe, expect, test } from 'vitest';
import {
  type ExportedParameter,
  parseParameters,
  renderHeader,
  renderParameters,
  splitExport,
} from '../../src/core/parameter-export.js';
import { Secret } from '../../src/core/secret.js';

const header = { environment: 'prod', path: '/prod', keyId: 'k', atMs: 1, parameters: 1 };
const parameter: ExportedParameter = {
  path: '/prod/key',
  name: '/prod/key',
  type: 'SecureString',
  tier: 'Standard',
  details: { description: 'of the app' },
  tags: { owner: 'ada' },
  labels: ['live'],
  value: 'line one\nline two \u{1f511}',
};

describe('an export', () => {
  test('is split where its header ends, whatever bytes follow', () => {
    const sealed = Buffer.from([10, 0, 255, 10]);

    const parts = splitExport(Buffer.concat([renderHeader(header), sealed]));

    expect(parts).toMatchObject({ header, headerBytes: Buffer.from(renderHeader(header)) });
    expect(typeof parts === 'object' && Buffer.from(parts.sealed).equals(sealed)).toBe(true);
  });

  test.each([
    ['', 'it is no export of Keyturn'],
    ['keyturn-export v1\n', 'it is no export of Keyturn'],
    ['keyturn-export v2\n{}\n', 'it is of a form this version does not know'],
    ['keyturn-export v1\n{"environment":1}\n', 'its header is damaged'],
    ['keyturn-export v1\nnull\n', 'its header is damaged'],
    [`keyturn-export v1\n${'x'.repeat(10_000)}\n`, 'it is no export of Keyturn'],
  ])('that reads %j is none', (text, finding) => {
    expect(splitExport(Buffer.from(text))).toBe(finding);
  });
});

describe('what is in an export', () => {
  test('comes back as it was', () => {
    expect(parseParameters(renderParameters([parameter]))).toEqual([parameter]);
    expect(parseParameters(renderParameters([]))).toEqual([]);
  });

  test.each([
    { path: '/prod/../key' },
    { name: 'a b' },
    { type: 'Blob' },
    { tier: 'Best' },
    { details: { description: 1 } },
    { tags: null },
    { labels: ['7up'] },
    { value: 7 },
  ])('with %j is refused', (change) => {
    expect(parseParameters(Secret.fromText(JSON.stringify([{ ...parameter, ...change }])))).toBeUndefined();
  });

  test.each(['', '{}', '[null]', '[1'])('that reads %j is refused', (text) => {
    expect(parseParameters(Secret.fromText(text))).toBeUndefined();
  });
});
