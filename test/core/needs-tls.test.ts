import { expect, test } from 'vitest';
import { needsTls } from '../../src/core/needs-tls.js';

test.each(['db.internal', '127.0.0.1.example', '10.0.0.1', '0.0.0.0', '::2'])('%s is verified', (host) => {
  for (const mode of [null, 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify', 'what']) {
    expect(needsTls(host, mode), String(mode)).toBe(true);
  }
  expect(needsTls(host, 'disable')).toBe(false);
});

test.each(['', 'localhost', '127.0.0.1', '127.1.2.3', '::1', '[::1]', '/run/postgresql'])(
  '%s is verified where that is asked for only',
  (host) => {
    for (const mode of [null, 'allow', 'prefer', 'disable']) expect(needsTls(host, mode), String(mode)).toBe(false);
    for (const mode of ['require', 'verify-ca', 'verify-full', 'no-verify']) {
      expect(needsTls(host, mode), mode).toBe(true);
    }
  },
);
