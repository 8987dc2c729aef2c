import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { examineSsm } from '../../../src/adapters/aws/ssm-examine.js';
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
  const examine = async () => examineSsm({ clients, keyId: ssm.keyId, names, databaseMs: Date.now() });
  return { scope, examine };
}

test('two parameters of a secret are examined, and neither is changed', async () => {
  const { scope, examine } = await examined();
  const before = [await versionsOf(fixture, scope), await labelsOf(fixture, scope)];

  expect(await examine()).toEqual([]);

  expect([await versionsOf(fixture, scope), await labelsOf(fixture, scope)]).toEqual(before);
  expect(await versionsOf({ ssm: fixture.ssm, nameOf: fixture.bareOf }, scope)).toHaveLength(1);
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
