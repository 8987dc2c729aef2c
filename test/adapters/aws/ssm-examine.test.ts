import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { examineSsm } from '../../../src/adapters/aws/ssm-examine.js';
import { keyturnError } from '../../../src/core/errors.js';
import { denied } from '../../support/ssm/fault-proxy.js';
import { type SsmFixture, ssmFixture } from './ssm-fixture.js';
import { labelsOf, staged, versionsOf } from './ssm-words.js';

let fixture: SsmFixture;

beforeAll(async () => {
  fixture = await ssmFixture({ staging: 'shadow' });
});

afterAll(() => fixture.close());
afterEach(() => fixture.proxy.heal());

/** A secret whose applications read the bare name. */
async function examined() {
  const { scope } = await staged(fixture);
  const { clients, ssm, nameOf, bareOf } = fixture;
  const names = [{ path: scope.plan.path, versions: nameOf(scope), mirror: bareOf(scope) }];
  const turns: string[] = [];
  const turn = async (what: 'put' | 'label'): Promise<void> => void turns.push(what);
  const examine = async () => examineSsm({ clients, keyId: ssm.keyId, names, databaseMs: Date.now(), turn });
  return { scope, examine, turns };
}

test('two parameters of a secret are examined, and neither is changed', async () => {
  const { scope, examine } = await examined();
  const before = [await versionsOf(fixture, scope), await labelsOf(fixture, scope)];

  expect(await examine()).toEqual([]);

  expect([await versionsOf(fixture, scope), await labelsOf(fixture, scope)]).toEqual(before);
  expect(await versionsOf({ ssm: fixture.ssm, nameOf: fixture.bareOf }, scope)).toHaveLength(1);
});

test('every put and label of an examination takes its turn, as those of the workers do', async () => {
  const { examine, turns } = await examined();
  fixture.proxy.requests.length = 0;

  await examine();

  const asked = fixture.proxy.requests.map(({ operation }) => operation);
  const count = (of: readonly string[], what: RegExp): number => of.filter((each) => what.test(each)).length;
  expect([count(turns, /put/), count(turns, /label/)]).toEqual([count(asked, /^Put/), count(asked, /label/i)]);
  expect(turns).toHaveLength(4);
});

test('an examination that is given no turn says so of what it could not ask', async () => {
  const { scope } = await staged(fixture);
  const { clients, ssm, nameOf } = fixture;
  const names = [{ path: scope.plan.path, versions: nameOf(scope), mirror: null }];
  fixture.proxy.requests.length = 0;

  const turn = async (): Promise<void> => Promise.reject(keyturnError('STORE_UNAVAILABLE'));
  const found = await examineSsm({ clients, keyId: ssm.keyId, names, databaseMs: Date.now(), turn });

  expect(found).toMatchObject([{ sentence: expect.stringContaining('STORE_UNAVAILABLE') as string }]);
  expect(fixture.proxy.requests.map(({ operation }) => operation).sort()).toEqual([
    'GetParameter',
    'GetParameterHistory',
  ]);
});

test('what is denied under the bare name alone is told as that', async () => {
  const { scope, examine } = await examined();
  const actions = ['ssm:GetParameter', 'ssm:GetParameterHistory', 'ssm:PutParameter'];
  const name = fixture.bareOf(scope);
  for (const action of actions)
    fixture.proxy.plant(denied(action), {
      operation: action.slice('ssm:'.length),
      when: ({ input }) => String(input['Name']).split(':')[0] === name,
    });

  const sentences = (await examine()).map(({ sentence }) => sentence);

  expect(sentences).toEqual(
    actions.map((action) => expect.stringContaining(`denied ${action} of the bare name`) as string),
  );
});
