import { describe, expect, it } from 'vitest';
import { labelFault, parseParameterName } from '../../src/core/parameter-name.js';

describe('the name of a parameter', () => {
  it.each([
    ['/prod/db', { path: '/prod/db', name: '/prod/db', selector: null }],
    ['db', { path: '/db', name: 'db', selector: null }],
    ['/prod/db:7', { path: '/prod/db', name: '/prod/db', selector: 7 }],
    ['/prod/db:current', { path: '/prod/db', name: '/prod/db', selector: 'current' }],
    ['/prod/db:9999999999', { path: '/prod/db', name: '/prod/db', selector: 2 ** 31 - 1 }],
    ['arn:aws:ssm:eu-central-1:000000000000:parameter/prod/db:7', { path: '/prod/db', name: '/prod/db', selector: 7 }],
  ])('%s is read', (text, read) => {
    expect(parseParameterName(text)).toEqual(read);
  });

  it.each([
    '',
    ':',
    '/',
    'a/b',
    '/a/',
    '//a',
    '/a/../b',
    '/a%2fb',
    '/a b',
    '/a\0b',
    '/a\u0308',
    '/ä',
    '/a:',
    '/a:1:2',
    '/a:1x',
    '/a:aws',
    'aws',
    '/SSM/x',
    'arn:aws:s3:::bucket/x',
    `/${'a/'.repeat(15)}b`,
    `/${'a'.repeat(901)}`,
  ])('%j is refused in a sentence', (text) => {
    expect(parseParameterName(text)).toEqual(expect.any(String));
  });
});

describe('a label', () => {
  it.each(['current', 'a', '_x', '.x', '-x', 'A.b-c_9', 'a'.repeat(100)])('%s is one', (label) => {
    expect(labelFault(label)).toBeUndefined();
  });

  it.each(['', '1a', 'aws', 'AWS.x', 'ssm', 'Ssmx', 'a b', 'a/b', 'ä', 'a'.repeat(101)])('%j is none', (label) => {
    expect(labelFault(label)).toEqual(expect.any(String));
  });
});
