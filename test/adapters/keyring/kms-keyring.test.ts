import { inspect } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { type KmsKeyService, examineKmsKey, kmsKeyService } from '../../../src/adapters/aws/kms-key-service.js';
import {
  digestKeyContext,
  newDigestKey,
  openDigestKey,
  sealDigestKey,
} from '../../../src/adapters/local-keyring/digest-key.js';
import { keyringOf } from '../../../src/adapters/local-keyring/local-keyring.js';
import { serviceKey } from '../../../src/adapters/local-keyring/sealing-key.js';
import { type ErrorClass, isKeyturnError } from '../../../src/core/errors.js';
import { Secret, sameSecret } from '../../../src/core/secret.js';
import type { Keyring } from '../../../src/ports/keyring.js';
import { useDoubleCredentials } from '../../support/kms-double/aws-credentials.js';
import { KmsDouble, type KmsTrouble } from '../../support/kms-double/kms-double.js';
import { type KmsUnderTest, givenEndpoint, inDouble, kmsUnderTest } from '../../support/kms-double/kms-under-test.js';
import { scanSinks } from '../../support/leak-scanner.js';
import { canary } from '../../support/canary.mjs';
import { context, keyringCases } from './keyring-cases.js';

useDoubleCredentials();

async function freshKms(): Promise<KmsUnderTest> {
  const kms = await kmsUnderTest();
  onTestFinished(() => kms.close());
  return kms;
}

async function serviceFor(kms: KmsUnderTest, key: string): Promise<KmsKeyService> {
  const { endpoint, region } = kms;
  const service = await kmsKeyService({ key, region, endpoint }, digestKeyContext);
  onTestFinished(() => service.close());
  return service;
}

async function keyringFor(kms: KmsUnderTest, key: string): Promise<Keyring> {
  return keyringOf([serviceKey(await serviceFor(kms, key))], newDigestKey());
}

async function freshKeyring(): Promise<Keyring> {
  const kms = await freshKms();
  return keyringFor(kms, await kms.freshKey());
}

/** The double itself, for what a real service cannot be made to do. */
async function freshDouble(): Promise<{ double: KmsDouble; kms: KmsUnderTest; arn: string; keyring: Keyring }> {
  const double = await KmsDouble.start();
  const kms = inDouble(double);
  onTestFinished(() => kms.close());
  const arn = await kms.freshKey();
  const keyring = await keyringFor(kms, arn);
  double.requests.length = 0;
  return { double, kms, arn, keyring };
}

const aValue = (): Secret => Secret.fromText('correct horse battery');

/** What an attempt ends in: a code and what is done next. */
async function errorOf(attempt: Promise<unknown>): Promise<{ code: string; class: ErrorClass; facts: unknown }> {
  try {
    await attempt;
  } catch (error) {
    if (isKeyturnError(error)) return { code: error.code, class: error.class, facts: error.facts };
    throw error;
  }
  throw new Error('nothing went wrong');
}

keyringCases('a keyring on a key service', { fresh: freshKeyring, runs: 40 });

test('the key is named by its ARN, whichever alias it was found by', async () => {
  const kms = await freshKms();
  const arn = await kms.freshKey();
  const alias = await kms.freshAlias(arn);

  expect((await keyringFor(kms, alias)).keyId).toBe(arn);
});

test('what was sealed opens in another process of the same key', async () => {
  const kms = await freshKms();
  const arn = await kms.freshKey();
  const sealed = await (await keyringFor(kms, arn)).seal(aValue(), context);

  expect(sameSecret(await (await keyringFor(kms, await kms.freshAlias(arn))).open(sealed, context), aValue())).toBe(
    true,
  );
});

test('digests are the same in every process that opens the digest key of the installation', async () => {
  const kms = await freshKms();
  const key = serviceKey(await serviceFor(kms, await kms.freshKey()));
  const made = newDigestKey();
  const sealed = await sealDigestKey(key, made);

  const digest = keyringOf([key], made).digest(aValue(), context);

  expect(keyringOf([key], await openDigestKey([key], sealed)).digest(aValue(), context)).toBe(digest);
});

test('a value sealed under either of two keys opens, and new ones are sealed under the first', async () => {
  const kms = await freshKms();
  const [first, second] = [
    serviceKey(await serviceFor(kms, await kms.freshKey())),
    serviceKey(await serviceFor(kms, await kms.freshKey())),
  ];
  const both = keyringOf([first, second], newDigestKey());
  const before = await keyringOf([second], newDigestKey()).seal(aValue(), context);

  const after = await both.seal(aValue(), context);

  expect(sameSecret(await both.open(before, context), aValue())).toBe(true);
  expect(Buffer.from(after).subarray(2, 10)).toEqual(Buffer.from(first.mark));
});

test('a disabled key is named, and neither seals nor opens', async () => {
  const kms = await freshKms();
  const arn = await kms.freshKey();
  const keyring = await keyringFor(kms, arn);
  const sealed = await keyring.seal(aValue(), context);

  await kms.disable(arn);

  const expected = { code: 'KEYRING_KEY_DISABLED', class: 'undo', facts: { key: arn, secret: context.secret } };
  expect(await errorOf(keyring.seal(aValue(), context))).toEqual(expected);
  expect(await errorOf(keyring.open(sealed, context))).toEqual(expected);
});

test('a key that is pending deletion is named as such', async () => {
  const kms = await freshKms();
  const arn = await kms.freshKey();
  const keyring = await keyringFor(kms, arn);

  await kms.scheduleDeletion(arn);

  const expected = { code: 'KEYRING_KEY_PENDING_DELETION', class: 'undo', facts: { key: arn, secret: context.secret } };
  expect(await errorOf(keyring.seal(aValue(), context))).toEqual(expected);
});

test('a key that does not exist is named when the keyring is opened', async () => {
  const kms = await freshKms();

  expect(await errorOf(keyringFor(kms, 'alias/nobody-has-made-this'))).toMatchObject({
    code: 'KEYRING_KEY_UNUSABLE',
    class: 'undo',
    facts: { key: 'alias/nobody-has-made-this', finding: 'NotFoundException' },
  });
});

test('dry runs find nothing while the key can be used, and name its state when it cannot', async () => {
  const kms = await freshKms();
  const arn = await kms.freshKey();
  const key = { key: arn, region: kms.region, endpoint: kms.endpoint };

  expect(await examineKmsKey(key, [context])).toEqual([]);
  await kms.disable(arn);

  expect(await examineKmsKey(key, [context, { ...context, environment: 'test' }])).toEqual([
    {
      sentence: `KEYRING_KEY_DISABLED: the master key ${arn} is disabled`,
      cure: expect.stringMatching(/^Enable the key/) as string,
    },
  ]);
});

// A real service cannot be made to deny, to throttle or to lose an answer when we want it.
test.runIf(givenEndpoint === undefined)('a key in a state of its own is unusable', async () => {
  const { double, arn, keyring } = await freshDouble();

  double.keys.put(arn, 'Unavailable');

  expect(await errorOf(keyring.seal(aValue(), context))).toEqual({
    code: 'KEYRING_KEY_UNUSABLE',
    class: 'undo',
    facts: { key: arn, secret: context.secret, finding: 'KMSInvalidStateException' },
  });
});

test.runIf(givenEndpoint === undefined).each([
  ['GenerateDataKey', (keyring: Keyring) => keyring.seal(aValue(), context)],
  ['Decrypt', async (keyring: Keyring, sealed: Uint8Array) => keyring.open(sealed, context)],
] as const)('a denied %s names the permission, in a call and in a dry run', async (operation, attempt) => {
  const { double, kms, arn, keyring } = await freshDouble();
  const key = { key: arn, region: kms.region, endpoint: kms.endpoint };
  const sealed = await keyring.seal(aValue(), context);

  double.deny(operation, ({ environment }) => environment === context.environment);

  expect(await errorOf(attempt(keyring, sealed))).toEqual({
    code: 'KEYRING_ACCESS_DENIED',
    class: 'undo',
    facts: { action: `kms:${operation}`, key: arn, secret: context.secret },
  });
  expect(await examineKmsKey(key, [context])).toEqual([
    {
      sentence: `KEYRING_ACCESS_DENIED: the key service denied kms:${operation} with key ${arn}`,
      cure: expect.stringContaining(`Grant kms:${operation} on this key`) as string,
    },
  ]);
  expect(await examineKmsKey(key, [{ ...context, environment: 'test' }])).toEqual([]);
});

test.runIf(givenEndpoint === undefined)('a dry run makes no data key', async () => {
  const { double, kms, arn } = await freshDouble();
  const before = double.given.length;

  await examineKmsKey({ key: arn, region: kms.region, endpoint: kms.endpoint }, [context]);

  expect(double.given).toHaveLength(before);
  expect(double.requests.filter(({ dryRun }) => dryRun).map(({ operation }) => operation)).toEqual(
    expect.arrayContaining(['GenerateDataKey', 'Decrypt']),
  );
});

test.runIf(givenEndpoint === undefined).each<readonly [KmsTrouble, string]>([
  ['throttle', 'KEYRING_THROTTLED'],
  ['fail', 'KEYRING_UNAVAILABLE'],
  ['reset', 'KEYRING_UNAVAILABLE'],
  ['lose-answer', 'KEYRING_UNAVAILABLE'],
])('after %s a call is made again, and after three tries it is %s', async (trouble, code) => {
  const { double, keyring } = await freshDouble();

  double.trouble(trouble, trouble);
  const sealed = await keyring.seal(aValue(), context);
  double.trouble(trouble, trouble, trouble);

  expect(await errorOf(keyring.open(sealed, context))).toEqual({
    code,
    class: 'retry',
    facts: { secret: context.secret },
  });
  expect(sameSecret(await keyring.open(sealed, context), aValue())).toBe(true);
});

test.runIf(givenEndpoint === undefined)('a service that is not there is unavailable', async () => {
  const { double, keyring } = await freshDouble();
  const sealed = await keyring.seal(aValue(), context);
  const { endpoint } = double;

  const gone = new URL(endpoint);
  gone.port = '1';

  await expect(
    kmsKeyService({ key: 'alias/keyturn', region: 'eu-central-1', endpoint: gone.href }, digestKeyContext),
  ).rejects.toMatchObject({ code: 'KEYRING_UNAVAILABLE' });
  expect(sameSecret(await keyring.open(sealed, context), aValue())).toBe(true);
});

test.runIf(givenEndpoint === undefined)('without credentials nothing is denied for good', async () => {
  const { double, keyring } = await freshDouble();
  double.trouble('throttle');
  await keyring.seal(aValue(), context);
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = process.env;
  // No file and no machine to ask either.
  const away = {
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/nowhere',
    AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
  };
  Object.assign(process.env, away);
  delete process.env['AWS_ACCESS_KEY_ID'];
  delete process.env['AWS_SECRET_ACCESS_KEY'];
  onTestFinished(() => {
    for (const name of Object.keys(away)) delete process.env[name];
    process.env['AWS_ACCESS_KEY_ID'] = id;
    process.env['AWS_SECRET_ACCESS_KEY'] = secret;
  });

  const key = { key: 'alias/keyturn', region: double.region, endpoint: double.endpoint };

  expect(await errorOf(kmsKeyService(key, digestKeyContext))).toMatchObject({
    code: 'KEYRING_CREDENTIALS_MISSING',
    class: 'retry',
  });
});

test.runIf(givenEndpoint === undefined)(
  'every value has one call each way, a digest none, and the key by its ARN',
  async () => {
    const { double, kms, arn } = await freshDouble();
    const keyring = await keyringFor(kms, await kms.freshAlias(arn));
    double.requests.length = 0;

    const sealed = await keyring.seal(aValue(), context);
    keyring.digest(await keyring.open(sealed, context), context);
    keyring.digest(aValue(), context);

    expect(double.requests.map(({ operation, keyId }) => [operation, keyId])).toEqual([
      ['GenerateDataKey', arn],
      ['Decrypt', arn],
    ]);
  },
);

test.runIf(givenEndpoint === undefined)(
  'an alias that is pointed elsewhere changes nothing for a keyring at work',
  async () => {
    const { double, kms, arn } = await freshDouble();
    const alias = await kms.freshAlias(arn);
    const keyring = await keyringFor(kms, alias);
    const before = await keyring.seal(aValue(), context);

    double.keys.alias(alias, await kms.freshKey());
    const after = await keyring.seal(aValue(), context);

    expect(sameSecret(await keyring.open(before, context), await keyring.open(after, context))).toBe(true);
  },
);

test.runIf(givenEndpoint === undefined)('bytes that are not of this key are refused without a call', async () => {
  const { double, kms, keyring } = await freshDouble();
  const theirs = await (await keyringFor(kms, await kms.freshKey())).seal(aValue(), context);
  double.requests.length = 0;

  for (const bytes of [theirs, new Uint8Array(0), new Uint8Array(400), theirs.subarray(0, 20)])
    await expect(keyring.open(bytes, context)).rejects.toMatchObject({ code: 'KEYRING_DENIED' });

  expect(double.requests).toEqual([]);
});

test.runIf(givenEndpoint === undefined)('the service is told names, and neither a value nor a digest', async () => {
  const { double, keyring } = await freshDouble();

  await keyring.open(await keyring.seal(aValue(), context), context);

  expect(double.requests.map((request) => request.context)).toEqual([context, context]);
});

test.runIf(givenEndpoint === undefined)(
  'no error shows a value or a data key, whatever the service answers',
  async () => {
    const { double, kms, arn, keyring } = await freshDouble();
    const text = canary();
    const sealed = await keyring.seal(Secret.fromText(text), context);
    const shown: string[] = [];
    const show = async (attempt: () => Promise<unknown>): Promise<void> => {
      try {
        await attempt();
      } catch (error) {
        shown.push(inspect(error, { depth: null, showHidden: true }), JSON.stringify(error), String(error));
      }
    };
    const both = async (): Promise<void> => {
      await show(() => keyring.seal(Secret.fromText(text), context));
      await show(() => keyring.open(sealed, context));
    };

    double.trouble(...Array.from({ length: 6 }, () => 'throttle' as const));
    await both();
    for (const operation of ['GenerateDataKey', 'Decrypt']) double.deny(operation);
    await both();
    for (const operation of ['GenerateDataKey', 'Decrypt']) double.allow(operation);
    for (const state of ['Disabled', 'PendingDeletion', 'Unavailable'] as const) {
      double.keys.put(arn, state);
      await both();
    }
    await kms.close();
    await both();

    expect(shown).toHaveLength(6 * 2 * 3);
    const known = double.given.map((value, at) => ({ name: `data key ${at}`, value }));
    const content = Buffer.from(shown.join('\n'));
    expect((await scanSinks(known, [{ name: 'errors', content }])).leaks).toEqual([]);
  },
);
