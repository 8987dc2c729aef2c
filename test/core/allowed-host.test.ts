import { expect, test } from 'vitest';
import { isAllowedHost } from '../../src/core/allowed-host.js';

test.each([
  ['hooks.example.com', ['hooks.example.com'], true],
  ['hooks.example.com.', ['hooks.example.com'], true],
  ['hooks.example.com', ['example.com'], false],
  ['hooks.example.com', ['*.example.com'], true],
  ['a.b.example.com', ['*.example.com'], true],
  ['example.com', ['*.example.com'], false],
  ['evilexample.com', ['*.example.com'], false],
  ['hooks.example.com.evil.test', ['hooks.example.com', '*.example.com'], false],
  ['10.1.2.3', ['10.1.2.3'], true],
  ['[fd00::1]', ['[fd00::1]'], true],
  ['anything.test', undefined, true],
] as const)('%s of %j: %s', (host, allowed, expected) => {
  expect(isAllowedHost(host, allowed)).toBe(expected);
});
