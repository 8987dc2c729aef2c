import { createHmac, hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createProof } from 'keyturn/consumer';
import { isProof } from '../../src/adapters/http/consumer-proof.js';
import { Secret } from '../../src/core/secret.js';

const challenge = {
  phase: 'canary',
  nonce: 'n0nce',
  environment: 'prod',
  secret: 'prod:/billing/db',
  rotation: 'r1',
  version: 7,
} as const;
const value = 'Zm9vYmFyYmF6cXV4Zm9vYmFy';

test('a proof is the HMAC that the design spells, byte by byte', () => {
  // Written out by hand, so that both sides cannot be wrong in the same way.
  const bytes = [
    '00000006' + Buffer.from('canary').toString('hex'),
    '00000005' + Buffer.from('n0nce').toString('hex'),
    '00000004' + Buffer.from('prod').toString('hex'),
    '00000010' + Buffer.from('prod:/billing/db').toString('hex'),
    '00000002' + Buffer.from('r1').toString('hex'),
    '00000001' + Buffer.from('7').toString('hex'),
    '00000007' + Buffer.from('wéb-1').toString('hex') + Buffer.from('x').toString('hex'),
  ].join('');
  const key = Buffer.from(hkdfSync('sha256', Buffer.from(value), '', Buffer.from('keyturn-proof-v1'), 32));
  const expected = createHmac('sha256', key).update(Buffer.from(bytes, 'hex')).digest('base64url');

  expect(createProof(value, { ...challenge, instance: 'wéb-1x' })).toBe(expected);
});

test('a proof of one version of the library is a proof of the next', () => {
  // A constant: consumers are not upgraded together with the worker.
  expect(createProof(value, { ...challenge, instance: 'web-1' })).toBe('uAa1CzT8cvLK1QRY4pq3HE2nVQMJ2Nxdf4eyNBy4g8g');
});

test('the worker takes the proof of any holder of the value', () => {
  const fields = fc.record({
    phase: fc.constantFrom('canary' as const, 'drain' as const),
    nonce: fc.string({ unit: 'grapheme' }),
    environment: fc.string({ unit: 'grapheme' }),
    secret: fc.string({ unit: 'grapheme' }),
    rotation: fc.string(),
    version: fc.nat(),
  });

  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fields, fc.string(), (held, asked, instance) => {
      const proof = createProof(held, { ...asked, instance });

      expect(isProof(proof, Secret.fromText(held), { challenge: asked, instance })).toBe(true);
      expect(createProof(Buffer.from(held), { ...asked, instance })).toBe(proof);
      expect(proof).toMatch(/^[\w-]{43}$/);
    }),
    { numRuns: 300 },
  );
});

test.each([
  ['phase', { phase: 'drain' }],
  ['nonce', { nonce: 'n0ncf' }],
  ['environment', { environment: 'test' }],
  ['secret', { secret: 'prod:/billing/dc' }],
  ['rotation', { rotation: 'r2' }],
  ['version', { version: 8 }],
  ['instance', { instance: 'web-2' }],
  ['border between two fields', { rotation: 'r', nonce: 'n0nce1' }],
])('a proof with another %s is none', (_, changes) => {
  const proof = createProof(value, { ...challenge, instance: 'web-1', ...changes });

  expect(isProof(proof, Secret.fromText(value), { challenge, instance: 'web-1' })).toBe(false);
});

test('a proof by another value, an empty one and a longer one are none', () => {
  const proof = createProof(`${value}x`, { ...challenge, instance: 'web-1' });
  const right = createProof(value, { ...challenge, instance: 'web-1' });

  for (const offered of [proof, '', `${right}=`, `${right}A`, right.slice(1), right.toLowerCase()]) {
    expect(isProof(offered, Secret.fromText(value), { challenge, instance: 'web-1' })).toBe(false);
  }
});
