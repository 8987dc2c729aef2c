import { describe, expect, it } from 'vitest';
import { dataTypes, formFault } from '../../src/core/declared-form.js';

describe('a value of a data type', () => {
  it.each([
    ['text', 'anything at all', null],
    ['json', '{"a": [1, 2]}', '{"a": 1,}'],
    ['jsonc', '{\n  // a comment, "quoted"\n  "a": "// none", /* no */ "b": [1, 2,],\n}', '{"a" 1}'],
    ['url', 'https://example.com/x?y=1', 'example.com'],
    ['aws:ec2:image', 'ami-0123456789abcdef0', 'ami-xyz'],
  ])('%s', (dataType, good, bad) => {
    expect(dataTypes).toContain(dataType);
    expect(formFault(good, dataType)).toBeUndefined();
    if (bad !== null) expect(formFault(bad, dataType)).toEqual(expect.any(String));
  });

  it('that does not exist is nobody’s to judge, whatever objects inherit', () => {
    expect(formFault('x', 'constructor')).toBeUndefined();
    expect(dataTypes).not.toContain('constructor');
  });
});
