import { createHmac, pbkdf2Sync } from 'node:crypto';
import { Secret, openSecret } from 'keyturn/rotator';
import { expect, test } from 'vitest';
import { generatePassword } from '../../../rotators/postgres/password.js';
import { readComment, writeComment } from '../../../rotators/postgres/role-comment.js';
import { scramVerifier } from '../../../rotators/postgres/scram.js';
import { liftCanary } from '../../support/canary.mjs';

liftCanary();

test('no character of the alphabet is favoured', () => {
  const counts = new Map<number, number>();
  const total = 62 * 4_000;
  for (let i = 0; i < total / 128; i += 1) {
    for (const byte of openSecret(generatePassword(128))) counts.set(byte, (counts.get(byte) ?? 0) + 1);
  }

  expect(counts.size).toBe(62);
  expect(String.fromCharCode(...[...counts.keys()].sort((a, b) => a - b))).toMatch(/^[0-9]{10}[A-Z]{26}[a-z]{26}$/);
  // Chi squared with 61 degrees of freedom: above 130 once in a million runs. A remainder of 256 by 62 gives over 400.
  const expected = [...counts.values()].reduce((sum, count) => sum + count, 0) / 62;
  const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  expect(chiSquared).toBeLessThan(130);
});

test('the verifier holds the server key of RFC 5803 and never the same salt', async () => {
  const password = Secret.fromText('pencil');
  const [first, second] = [await scramVerifier(password, 4096), await scramVerifier(password, 4096)];
  const [, salt = '', serverKey] = /^SCRAM-SHA-256\$4096:(.+)\$.+:(.+)$/.exec(first) ?? [];
  const salted = pbkdf2Sync('pencil', Buffer.from(salt, 'base64'), 4096, 32, 'sha256');

  expect(serverKey).toBe(createHmac('sha256', salted).update('Server Key').digest('base64'));
  expect(second).not.toBe(first);
  expect(Buffer.from(openSecret(password)).toString()).toBe('pencil');
});

test.each([
  { secret: 's', token: { era: 1, epoch: 41 }, rotation: null, dead: false },
  { secret: 's', token: null, rotation: 'r1', dead: false },
  { secret: 'it\'s "odd"\\', token: { era: 2, epoch: 9 }, rotation: 'r1', dead: true },
  { secret: 's', token: null, rotation: null, dead: true },
])('a role comment is read as it was written: %j', (comment) => {
  expect(readComment(writeComment(comment))).toEqual({ kind: 'ours', comment });
});

test.each([
  'ask the billing team',
  '{}',
  '[]',
  'null',
  '{"keyturn":1}',
  '{"keyturn":{}}',
  '{"keyturn":{"secret":"s","era":"1"}}',
])('a comment that is not exactly ours is foreign: %s', (text) => {
  expect(readComment(text)).toEqual({ kind: 'foreign' });
});
