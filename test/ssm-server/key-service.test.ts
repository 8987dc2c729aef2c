import type { SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KmsKeyService, kmsKeyService } from '../../src/adapters/aws/kms-key-service.js';
import { digestKeyContext, newDigestKey } from '../../src/adapters/local-keyring/digest-key.js';
import { keyringOf } from '../../src/adapters/local-keyring/local-keyring.js';
import { serviceKey } from '../../src/adapters/local-keyring/sealing-key.js';
import { postgresParameters } from '../../src/adapters/postgres/store/parameters.js';
import { type StoreFixture, storeFixture } from '../adapters/store/store-fixture.js';
import { useDoubleCredentials } from '../support/kms-double/aws-credentials.js';
import { KmsDouble } from '../support/kms-double/kms-double.js';
import { type ServedStore, servedStore } from './served-store.js';
import { fresh, getBy, putBy } from './words.js';

useDoubleCredentials();

// A store whose values are sealed by a key of a key service.
let double: KmsDouble;
let arn: string;
let service: KmsKeyService;
let values: StoreFixture;
let served: ServedStore;
let client: SSMClient;

beforeAll(async () => {
  double = await KmsDouble.start();
  arn = double.keys.create(double.region);
  service = await kmsKeyService({ key: arn, region: double.region, endpoint: double.endpoint }, digestKeyContext);
  values = await storeFixture();
  const keyring = keyringOf([serviceKey(service)], newDigestKey());
  served = await servedStore({ parameters: postgresParameters({ pool: values.pool, keyring }) });
  client = await served.client();
});

afterAll(async () => {
  await served.close();
  await values.close();
  service.close();
  await double.close();
});

/** A parameter of such a store. *Returns* its name. */
async function sealed(): Promise<string> {
  const path = fresh();
  await putBy(client, path, 'value');
  return path;
}

/** How a read and a put of what is there are answered. */
async function answers(path: string) {
  const asked = [() => getBy(client, path), () => putBy(client, path, 'next', { Overwrite: true })];
  const ends: unknown[] = [];
  for (const ask of asked) {
    ends.push(
      await ask().then(
        () => 'answered',
        (thrown: Error & { readonly $metadata: { readonly httpStatusCode: number } }) => [
          thrown.name,
          thrown.$metadata.httpStatusCode,
          thrown.message,
        ],
      ),
    );
  }
  return ends;
}

test.each([
  ['Disabled', 'disabled'],
  ['PendingDeletion', 'pending deletion'],
] as const)('a key that is %s is told as SSM tells it, by InvalidKeyId and its state', async (state, words) => {
  const path = await sealed();
  const before = served.troubles.length;
  double.keys.put(arn, state);

  const told = ['InvalidKeyId', 400, expect.stringContaining(words) as string];
  expect(await answers(path)).toEqual([told, told]);
  expect(served.troubles).toHaveLength(before + 2);

  double.keys.put(arn, 'Enabled');
  expect(await answers(path)).toEqual(['answered', 'answered']);
});

test('a key that the server may not use is told by InvalidKeyId, without the name of the key', async () => {
  const path = await sealed();
  for (const operation of ['Decrypt', 'GenerateDataKey']) double.deny(operation);

  const told = ['InvalidKeyId', 400, expect.not.stringContaining(arn) as string];
  expect(await answers(path)).toEqual([told, told]);
  for (const operation of ['Decrypt', 'GenerateDataKey']) double.allow(operation);
});

test('a key service that asks for fewer calls makes the caller slow down', async () => {
  const path = await sealed();
  double.trouble(...Array.from({ length: 6 }, () => 'throttle' as const));

  const told = ['ThrottlingException', 400, 'Rate exceeded'];
  expect(await answers(path)).toEqual([told, told]);
  double.endTrouble();
});

test('a key service that fails is trouble of the server', async () => {
  const path = await sealed();
  double.trouble(...Array.from({ length: 6 }, () => 'fail' as const));

  const [read] = await answers(path);
  double.endTrouble();
  expect(read).toEqual(['InternalServerError', 500, expect.any(String)]);
  expect(served.troubles).toContain('KEYRING_UNAVAILABLE');
});
