import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isLong } from '../support/length.js';
import { type AwsKey, type ServedStore, servedStore } from './served-store.js';
import { type RawAnswer, sendRaw } from './signed.js';
import { putBy } from './words.js';

const numRuns = isLong ? 5_000 : 400;

/** In no answer, in clear or in base64: the key that asks may see `/own` alone. */
const hidden = 'hidden-value-of-another';
const others = ['/other/db', '/ownB/db', '/own', '/db'] as const;

let store: ServedStore;
let key: AwsKey;
let reader: AwsKey;

beforeAll(async () => {
  store = await servedStore();
  const all = await store.client();
  for (const path of others) {
    const Type = path === '/db' ? 'String' : 'SecureString';
    await putBy(all, path, hidden, { Type });
    await putBy(all, path, hidden, { Type, Overwrite: true });
  }
  await putBy(all, '/own/db', 'own');
  key = await store.key({
    grants: [{ path: '/own/*', allow: ['read', 'write', 'delete'] }],
    requestsPerSecond: 100_000,
  });
  reader = await store.key({ grants: [{ path: '/own/*', allow: ['read'] }], requestsPerSecond: 100_000 });
});

afterAll(async () => store.close());

const actions = [
  'PutParameter',
  'GetParameter',
  'GetParameters',
  'GetParametersByPath',
  'GetParameterHistory',
  'DescribeParameters',
  'DeleteParameter',
  'DeleteParameters',
  'LabelParameterVersion',
  'UnlabelParameterVersion',
  'AddTagsToResource',
  'RemoveTagsFromResource',
  'ListTagsForResource',
] as const;

const odd = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  {
    weight: 3,
    arbitrary: fc.string({
      unit: fc.constantFrom('/', '.', ':', '*', '%', 'a', '7', '\0', '\ud800', 'é'),
      maxLength: 30,
    }),
  },
  { weight: 1, arbitrary: fc.string({ minLength: 900, maxLength: 1_200 }) },
);
const selector = fc.constantFrom('', ':1', ':0', ':2147483648', ':99999999999', ':current', ':', '::', ':-1');
const known = fc
  .tuple(
    fc.constantFrom(
      '',
      '/',
      'arn:aws:ssm:eu-central-1:000000000000:parameter',
      '//',
      '/own/..',
      '/own/%2e%2e',
      '%2f',
      '/own/*',
    ),
    fc.constantFrom(...others, '/own/db', '/own/new', '/own/a/b', '/'),
    selector,
  )
  .map((parts) => parts.join(''));
const name = fc.oneof({ weight: 3, arbitrary: known }, { weight: 1, arbitrary: odd });
const text = fc.oneof(
  name,
  odd,
  fc.constantFrom('String', 'SecureString', 'Standard', 'Advanced', 'json', '[{}]', '^a+$', '(a+)+$', '{{x}}'),
);
const number = fc.oneof(fc.integer({ min: -2, max: 60 }), fc.double(), fc.maxSafeInteger());
const tag = fc.record({ Key: text, Value: text }, { requiredKeys: [] });
const filter = fc.record(
  {
    Key: fc.oneof(
      fc.constantFrom(
        'Name',
        'Path',
        'Type',
        'KeyId',
        'Tier',
        'DataType',
        'Label',
        'tag:x',
        'constructor',
        '__proto__',
      ),
      odd,
    ),
    Option: fc.oneof(fc.constantFrom('Equals', 'BeginsWith', 'Contains', 'Recursive', 'OneLevel'), odd),
    Values: fc.array(text, { maxLength: 4 }),
  },
  { requiredKeys: [] },
);
const token = fc.oneof(
  odd,
  fc.json({ maxDepth: 1 }).map((value) => Buffer.from(value).toString('base64url')),
  name.map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
);

/** Mostly of the right kind, so that much of it gets past the first look. */
const input = fc.record(
  {
    Name: name,
    Names: fc.array(name, { maxLength: 11 }),
    Path: name,
    Value: text,
    Type: text,
    KeyId: text,
    Tier: text,
    DataType: text,
    AllowedPattern: text,
    Policies: fc.oneof(text, fc.json()),
    Description: text,
    Overwrite: fc.boolean(),
    WithDecryption: fc.boolean(),
    Recursive: fc.boolean(),
    MaxResults: number,
    NextToken: token,
    ParameterVersion: number,
    Labels: fc.array(text, { maxLength: 12 }),
    Tags: fc.array(tag, { maxLength: 4 }),
    TagKeys: fc.array(text, { maxLength: 4 }),
    ResourceType: fc.constantFrom('Parameter', 'Document'),
    ResourceId: name,
    Filters: fc.array(filter, { maxLength: 3 }),
    ParameterFilters: fc.array(filter, { maxLength: 3 }),
  },
  { requiredKeys: ['Name', 'Names', 'Path', 'ResourceType', 'ResourceId', 'Labels', 'WithDecryption'] },
);

const asBase64 = Buffer.from(hidden).toString('base64').slice(0, -4);

/** Answered by what the caller did, without a word of what he may not see. */
function expectSound({ status, text: answer }: RawAnswer): void {
  expect(status).toBeLessThan(500);
  expect(answer).not.toContain(hidden);
  expect(answer).not.toContain(asBase64);
}

it('no input of any operation is an error of the server, or is answered with what is not the caller’s', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...actions), input, fc.boolean(), async (action, given, mayWrite) => {
      const body = JSON.stringify(given);
      const answer = await sendRaw(store.serverUrl, { key: mayWrite ? key : reader, action, body });
      expectSound(answer);
      // What is named in an answer is below /own, or was sent by the caller himself.
      const parameters =
        answer.status === 200
          ? (JSON.parse(answer.text) as { readonly Parameters?: readonly { readonly Name: string }[] }).Parameters
          : [];
      expect((parameters ?? []).filter(({ Name }) => !Name.startsWith('/own/'))).toEqual([]);
    }),
    { numRuns },
  );
  expect(store.troubles).toEqual([]);
});

it('no body whatsoever is an error of the server', { timeout: 600_000 }, async () => {
  const body = fc.oneof(fc.json(), fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 300 }));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...actions), body, async (action, given) => {
      expectSound(await sendRaw(store.serverUrl, { key, action, body: given }));
    }),
    { numRuns: numRuns / 2 },
  );
  expect(store.troubles).toEqual([]);
});

it('no header whatsoever is an error of the server, or takes the place of a signature', {
  timeout: 600_000,
}, async () => {
  const value = fc.string({ unit: 'grapheme-ascii', maxLength: 200 }).map((each) => each.trim());
  const headers = fc.dictionary(
    fc.constantFrom(
      'authorization',
      'x-amz-date',
      'x-amz-target',
      'content-type',
      'x-amz-security-token',
      'x-amz-content-sha256',
      'x-forwarded-for',
      'accept-encoding',
      'expect-ct',
    ),
    fc.oneof(
      value,
      fc.constantFrom(
        'AWS4-HMAC-SHA256 Credential=',
        'AmazonSSM.__proto__',
        '20261324T256199Z',
        'text/plain; charset=x',
        'multipart/form-data',
      ),
    ),
  );
  await fc.assert(
    fc.asyncProperty(headers, async (given) => {
      const body = '{"Name":"/own/db","WithDecryption":true}';
      const answer = await sendRaw(store.serverUrl, { key, action: 'GetParameter', body, sent: { headers: given } });
      expectSound(answer);
      const signed = ['authorization', 'x-amz-date', 'x-amz-target', 'content-type', 'x-amz-security-token'];
      if (signed.some((each) => each in given)) expect(answer.status).not.toBe(200);
    }),
    { numRuns: numRuns / 2 },
  );
  expect(store.troubles).toEqual([]);
});
