import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { type HttpChecksOptions, httpChecks } from '../../../src/adapters/http/checks.js';
import { keyturnError } from '../../../src/core/errors.js';
import type { PlannedCheck } from '../../../src/core/plan.js';
import { Secret, openSecret } from '../../../src/core/secret.js';
import type { CheckSight } from '../../../src/core/soak-check.js';
import { scopeOf } from '../store/store-fixture.js';
import { type Received, receiver, status } from './receiver.js';

const marker = 'kt-canary-body-of-an-answer';
const page = (url: string, name = 'page'): PlannedCheck => ({
  name,
  failAfter: 2,
  kind: 'http',
  url,
  expectStatus: 200,
});
const errors = (url: string, token: string | null = null): PlannedCheck => ({
  ...{ name: 'errors', failAfter: 2, kind: 'prometheus', url, query: 'sum(rate(errors[1m])) / 2', token },
  ...{ holds: 'below', limit: 0.05 },
});

const noToken = async (reference: string): Promise<Secret> => {
  throw keyturnError('REFERENCE_UNRESOLVED', { reference });
};

/** What one look at these shows. */
async function look(checks: readonly PlannedCheck[], options: Partial<HttpChecksOptions> = {}, deadlineMs = 20_000) {
  const port = httpChecks({ token: noToken, allowPrivate: true, timeoutMs: 5_000, ...options });
  const signal = new AbortController().signal;
  const seen: readonly CheckSight[] = await port.look({
    ...scopeOf('prod:/billing/db', 'r1', 1, { checks }),
    signal,
    deadlineMs,
  });
  return seen;
}

/** Answers with this body. */
const saying =
  (answer: unknown, code = 200) =>
  (_: Received, response: ServerResponse): void => {
    response.writeHead(code).end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  };
const data = (resultType: string, result: unknown, further: object = {}) => ({
  ...{ status: 'success', data: { resultType, result } },
  ...further,
});
const vector = (...values: readonly string[]) =>
  data(
    'vector',
    values.map((value, index) => ({ metric: { instance: `${marker}-${index}` }, value: [1_764_000_000.123, value] })),
  );
const nothing = (check: string, reason: string) => [{ check, kind: 'nothing', reason }];

test.each([200, 204, 301, 404, 503])('the status %i of a page is seen as it is', async (code) => {
  const server = await receiver(status(code));

  expect(await look([page(server.url)])).toEqual([{ check: 'page', kind: 'status', status: code }]);
});

test('a page is asked by a GET without a body or a credential', async () => {
  const server = await receiver(status(200));

  await look([page(`${server.url}?deep=1`)]);

  const [asked] = server.received;
  expect(asked).toMatchObject({ method: 'GET', url: '/hook?deep=1', body: '' });
  expect(Object.keys(asked?.headers ?? {}).sort()).toEqual(['connection', 'host']);
});

test('a redirect is not followed', async () => {
  const elsewhere = await receiver(status(200));
  const server = await receiver(status(302, { location: elsewhere.url }));

  expect(await look([page(server.url)])).toEqual([{ check: 'page', kind: 'status', status: 302 }]);
  expect(await look([errors(server.url)])).toEqual(nothing('errors', 'its server answered 302'));
  expect(elsewhere.received).toEqual([]);
});

test('a page without an end has its status all the same', async () => {
  const server = await receiver((_, response) => {
    response.writeHead(200);
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(16 * 1024)));
    };
    response.on('drain', more);
    more();
  });

  expect(await look([page(server.url)])).toEqual([{ check: 'page', kind: 'status', status: 200 }]);
});

test('a query is sent below the path of its server, spelled so that it arrives as it was written', async () => {
  const server = await receiver(saying(vector('0.01')));

  await look([errors(`${server.url}/`)]);

  const { method, url = '' } = server.received[0] ?? {};
  const asked = new URL(url, server.url);
  expect([method, asked.pathname]).toEqual(['GET', '/hook/api/v1/query']);
  expect([...asked.searchParams]).toEqual([['query', 'sum(rate(errors[1m])) / 2']]);
});

test.each([
  ['a scalar', data('scalar', [1_764_000_000, '0.5']), [0.5]],
  ['a vector', vector('0.01'), [0.01]],
  ['several samples', vector('1', '-2.5', '3e-7', '1.2E+3'), [1, -2.5, 3e-7, 1200]],
  ['no samples', vector(), []],
  ['NaN', vector('NaN', '0'), [Number.NaN, 0]],
  ['infinities', vector('+Inf', '-Inf'), [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  ['what it says beside it', data('vector', [], { infos: ['a metric might not be a counter'], warnings: [] }), []],
])('%s is read as numbers', async (_, answer, values) => {
  const server = await receiver(saying(answer));

  expect(await look([errors(server.url)])).toEqual([{ check: 'errors', kind: 'samples', values }]);
});

const notOne = 'its answer is not that of an instant query';
test.each([
  ['nothing', '', notOne],
  ['a page of HTML', `<html>${marker}</html>`, notOne],
  ['half a document', '{"status":"success","data":', notOne],
  ['a list', '[]', notOne],
  ['an error', { status: 'error', errorType: 'timeout', error: marker }, notOne],
  ['a matrix', data('matrix', [{ metric: {}, values: [[1, '0']] }]), notOne],
  ['a text', data('string', [1, marker]), notOne],
  ['a histogram', data('vector', [{ metric: {}, histogram: [1, { count: '0', sum: '0' }] }]), notOne],
  ['a number that is no text', data('vector', [{ metric: {}, value: [1, 0] }]), notOne],
  ['a sample without a value', data('vector', [{ metric: {}, value: [1] }]), notOne],
  ['an empty value', vector(''), 'a sample cannot be read'],
  ['a blank value', vector(' '), 'a sample cannot be read'],
  ['a value in hexadecimal', vector('0x10'), 'a sample cannot be read'],
  ['a word', vector('0', marker), 'a sample cannot be read'],
  ['the name of something every object has', vector('constructor'), 'a sample cannot be read'],
  ['warnings', { ...vector('0'), warnings: [marker] }, 'its answer says that it may not be complete'],
  ['a part of the data', { ...vector('0'), isPartial: true }, 'its answer says that it may not be complete'],
  [
    'more than 64 KB',
    vector(...Array.from({ length: 2_000 }, () => '0')),
    'its answer has more than 64 KB, or did not end in time',
  ],
])('%s is nothing, and not quoted', async (_, answer, reason) => {
  const server = await receiver(saying(answer));

  expect(await look([errors(server.url)])).toEqual(nothing('errors', reason));
});

test.each([400, 401, 422, 500, 503, 204])(
  'status %i of a query is nothing, whatever stands in its body',
  async (code) => {
    const server = await receiver(saying(code === 204 ? '' : vector('0'), code));

    expect(await look([errors(server.url)])).toEqual(nothing('errors', `its server answered ${code}`));
  },
);

test('what hangs costs its time-out, and the others are seen', async () => {
  const [hanging, server] = [await receiver(() => undefined), await receiver(saying(vector('0.01')))];

  expect(await look([page(hanging.url), errors(server.url)], { timeoutMs: 200 })).toEqual([
    { check: 'page', kind: 'nothing', reason: 'no answer within 200 ms' },
    { check: 'errors', kind: 'samples', values: [0.01] },
  ]);
});

test('an answer that stops half-way is nothing', async () => {
  const server = await receiver((_, response) => {
    response.writeHead(200).write('{"status":"succ');
  });

  expect(await look([errors(server.url)], { timeoutMs: 200 })).toEqual(
    nothing('errors', 'its answer has more than 64 KB, or did not end in time'),
  );
});

test('a look takes no longer than the step has left, less what writing it down takes', async () => {
  const hanging = await receiver(() => undefined);

  expect(await look([page(hanging.url)], {}, 650)).toEqual(nothing('page', 'no answer within 150 ms'));
});

test('a server that is not there, or hangs up, is nothing', async () => {
  const hangingUp = await receiver((_, response) => void response.destroy());

  expect(await look([page('http://127.0.0.1:1/'), errors(hangingUp.url)])).toEqual([
    ...nothing('page', 'ECONNREFUSED'),
    ...nothing('errors', 'UND_ERR_SOCKET'),
  ]);
});

test('nothing is asked at a private address or in the clear unless that is allowed', async () => {
  const server = await receiver(saying(vector('0')));

  const url = server.url.replace('http:', 'https:');
  expect(await look([page(server.url), errors(url)], { allowPrivate: false })).toEqual([
    ...nothing('page', 'its address is not https'),
    ...nothing('errors', 'its address is not public'),
  ]);
  expect(server.connections()).toBe(0);
});

test('a token is sent as it is at that moment, and is wiped', async () => {
  const server = await receiver(saying(vector('0')));
  const given: Secret[] = [];
  const token = async (reference: string): Promise<Secret> => {
    given.push(Secret.fromText(`${reference}-${given.length}`));
    return given.at(-1) as Secret;
  };

  await look([errors(server.url, 'file:token')], { token });
  await look([errors(server.url, 'file:token')], { token });

  expect(server.received.map(({ headers }) => headers['authorization'])).toEqual([
    'Bearer file:token-0',
    'Bearer file:token-1',
  ]);
  expect(given.map((each) => openSecret(each).every((byte) => byte === 0))).toEqual([true, true]);
});

const noHeader = 'its token cannot be read, or cannot stand in a header';

test('a token that cannot be read, or is no token, sends nothing and is not told', async () => {
  const server = await receiver(saying(vector('0')));
  const broken = async () => Secret.fromText(`${marker}\nx-other: 1`);

  expect(await look([errors(server.url, 'env:MISSING')])).toEqual(nothing('errors', noHeader));
  expect(await look([errors(server.url, 'env:BROKEN')], { token: broken })).toEqual(nothing('errors', noHeader));
  expect(server.received).toEqual([]);
});
