import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AwsKey, type ServedStore, servedStore } from './served-store.js';
import { type RawRequest, sendRaw } from './signed.js';

let store: ServedStore;
let key: AwsKey;

beforeAll(async () => {
  store = await servedStore();
  key = await store.key();
});

afterAll(async () => store.close());

const minute = 60_000;

/** A read of what is not there: `ParameterNotFound` says that the signature was taken. */
const read = (change: Partial<RawRequest> = {}) =>
  sendRaw(store.serverUrl, { key, action: 'GetParameter', body: JSON.stringify({ Name: '/nothing' }), ...change });

describe('a signature', () => {
  it('is taken where it covers what was sent', async () => {
    expect(await read()).toEqual({
      status: 400,
      type: 'ParameterNotFound',
      text: '{"__type":"ParameterNotFound","message":""}',
    });
  });

  const wrong = 'InvalidSignatureException';
  const incomplete = 'IncompleteSignatureException';
  const cases: readonly (readonly [string, string, (given: AwsKey) => Partial<RawRequest>])[] = [
    ['of another secret', wrong, (own) => ({ key: { ...own, secretAccessKey: `${own.secretAccessKey}x` } })],
    ['of another body', wrong, () => ({ sent: { body: '{"Name":"/other"}' } })],
    ['of a body with one more space', wrong, () => ({ sent: { body: '{"Name":"/nothing"} ' } })],
    ['of another operation', wrong, () => ({ sent: { headers: { 'x-amz-target': 'AmazonSSM.DeleteParameter' } } })],
    ['of another time', wrong, () => ({ sent: { headers: { 'x-amz-date': amzDate(Date.now() + 2_000) } } })],
    ['that is six minutes old', wrong, () => ({ atMs: Date.now() - 6 * minute })],
    ['that is six minutes early', wrong, () => ({ atMs: Date.now() + 6 * minute })],
    ['of an unknown key', 'UnrecognizedClientException', (own) => ({ key: { ...own, accessKeyId: 'AKKTNOBODY' } })],
    [
      'with a session token',
      'UnrecognizedClientException',
      () => ({ sent: { headers: { 'x-amz-security-token': 'x' } } }),
    ],
    ['that is missing', 'MissingAuthenticationTokenException', () => ({ sent: { headers: { authorization: null } } })],
    ['that is none', incomplete, () => ({ sent: { headers: { authorization: 'Bearer x' } } })],
    ['without its time', incomplete, () => ({ sent: { headers: { 'x-amz-date': null } } })],
    ['with a time that is none', incomplete, () => ({ sent: { headers: { 'x-amz-date': 'yesterday' } } })],
  ];
  for (const [name, error, change] of cases) {
    it(`${name} is refused: ${error}`, async () => {
      const answer = await read(change(key));

      expect(answer).toMatchObject({ status: 400, type: error });
      expect(answer.text).toContain(`"__type":"${error}"`);
      expect(answer.text).not.toContain(key.secretAccessKey);
    });
  }

  it('that is four minutes off is taken', async () => {
    for (const offMs of [-4 * minute, 4 * minute]) {
      expect(await read({ atMs: Date.now() + offMs })).toMatchObject({ type: 'ParameterNotFound' });
    }
  });
});

describe('a request that is none', () => {
  const cases: readonly (readonly [string, string, number, Partial<RawRequest>])[] = [
    ['without a target', 'UnknownOperationException', 404, { sent: { headers: { 'x-amz-target': null } } }],
    ['of an operation that is not served', 'UnknownOperationException', 404, { action: 'SendCommand' }],
    [
      'of an operation named like a member of every object',
      'UnknownOperationException',
      404,
      { action: 'constructor' },
    ],
    ['by GET', 'UnknownOperationException', 404, { sent: { method: 'GET' } }],
    ['of another path', 'UnknownOperationException', 404, { sent: { path: '/x' } }],
    ['with a query', 'UnknownOperationException', 404, { sent: { path: '/?x=1' } }],
    ['with a body that is no JSON', 'SerializationException', 400, { body: '{' }],
    ['with a body that is no text', 'SerializationException', 400, { body: Uint8Array.of(0x7b, 0xff, 0x7d) }],
    ['with an empty body', 'SerializationException', 400, { body: '' }],
    ['with a list for a body', 'ValidationException', 400, { body: '[]' }],
    ['with nothing for a body', 'ValidationException', 400, { body: 'null' }],
    ['without the name', 'ValidationException', 400, { body: '{}' }],
    ['with a number for a name', 'ValidationException', 400, { body: '{"Name":7}' }],
    ['of too many bytes', 'RequestEntityTooLargeException', 413, { body: `{"Name":"${'x'.repeat(300_000)}"}` }],
  ];
  for (const [name, error, status, change] of cases) {
    it(`${name} is answered ${error}`, async () => {
      expect(await read(change)).toMatchObject({ status, type: error });
    });
  }

  it('never counted as trouble of the server', () => {
    expect(store.troubles).toEqual([]);
  });
});

describe('a name', () => {
  const levels = (count: number): string => '/x'.repeat(count);
  const cases: readonly (readonly [string, string])[] = [
    [levels(16), 'HierarchyLevelLimitExceededException'],
    ['/aws/x', 'AccessDeniedException'],
    ['/AWS', 'AccessDeniedException'],
    ['/awsx', 'ValidationException'],
    ['ssm-x', 'ValidationException'],
    ['/SSM/x', 'ValidationException'],
    ['/a/../b', 'ValidationException'],
    ['/a/./b', 'ValidationException'],
    ['/a%2fb', 'ValidationException'],
    ['/a//b', 'ValidationException'],
    ['/a/', 'ValidationException'],
    ['a/b', 'ValidationException'],
    ['/a\0', 'ValidationException'],
    ['/a b', 'ValidationException'],
    ['/a\u0301', 'ValidationException'],
    ['/\u{1d41a}', 'ValidationException'],
    ['/\ud800', 'ValidationException'],
    [`/${'x'.repeat(1_011)}`, 'ValidationException'],
    ['/a:b:c', 'ValidationException'],
    ['/a:1b', 'ValidationException'],
    ['/a:', 'ValidationException'],
    [':1', 'ValidationException'],
    ['/*', 'ValidationException'],
  ];
  for (const [name, error] of cases) {
    it(`${JSON.stringify(name).slice(0, 40)} is refused, read or put: ${error}`, async () => {
      const put = { Name: name, Value: 'x', Type: 'String' };
      const answers = [
        await read({ body: JSON.stringify({ Name: name }) }),
        await read({ action: 'PutParameter', body: JSON.stringify(put) }),
        await read({ action: 'DeleteParameter', body: JSON.stringify({ Name: name }) }),
      ];

      expect(answers.map(({ type }) => type)).toEqual([error, error, error]);
    });
  }

  it('of fifteen levels is one', async () => {
    expect(await read({ body: JSON.stringify({ Name: levels(15) }) })).toMatchObject({ type: 'ParameterNotFound' });
  });
});

const amzDate = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
