import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { keyName } from '../../src/adapters/http/signing.js';
import { env } from '../../src/config/references.js';
import { verifierOf } from '../../src/main/outside.js';
import { freshKey } from '../adapters/http/receiver.js';

const nowMs = Date.parse('2026-11-30T10:00:00Z');
const body = '{}';

function signedBy(key: string) {
  const at = new Date(nowMs);
  const headers = {
    'webhook-id': 'ack_1',
    'webhook-timestamp': String(nowMs / 1000),
    'webhook-signature': new Webhook(key).sign('ack_1', at, body),
  };
  return { headers, body, nowMs };
}

test('consumers of one name in two secrets of an environment have keys of their own', async () => {
  const [ofBilling, ofStock] = [freshKey(), freshKey()];
  const reads = (id: string, key: string | null) => ({ id, consumers: [{ name: 'web', key }] });
  const secrets = {
    '/billing': reads('prod:/billing', env('BILLING').$ref),
    '/stock': reads('prod:/stock', env('STOCK').$ref),
    '/mail': reads('prod:/mail', null),
  };
  const configured = {
    variables: { BILLING: ofBilling, STOCK: ofStock },
    config: { folder: '/', environments: { prod: { name: 'prod', secrets } } },
  };
  const verify = await verifierOf(configured as unknown as Parameters<typeof verifierOf>[0]);

  expect(await verify(keyName('prod:/billing', 'web'), signedBy(ofBilling))).toBe('signed');
  expect(await verify(keyName('prod:/billing', 'web'), signedBy(ofStock))).toBe('unsigned');
  expect(await verify(keyName('prod:/stock', 'web'), signedBy(ofStock))).toBe('signed');
  expect(await verify(keyName('prod:/mail', 'web'), signedBy(ofStock))).toBe('keyless');
});
