import { GetParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { triedName, tryPuts } from '../../../src/adapters/aws/ssm-try-put.js';
import { denied } from '../../support/ssm/fault-proxy.js';
import { type SsmFixture, ssmFixture } from './ssm-fixture.js';
import { labelsOf, staged, versionsOf } from './ssm-words.js';

let fixture: SsmFixture;

beforeAll(async () => {
  fixture = await ssmFixture();
});

afterAll(() => fixture.close());
afterEach(() => fixture.proxy.heal());

/** Two secrets of one folder, and what is put beside them. */
async function tried() {
  const { scope } = await staged(fixture);
  const { clients, ssm, nameOf } = fixture;
  const path = nameOf(scope);
  const folder = `${path}/below`;
  const names = ['a', 'b'].map((each) => ({ path: scope.plan.path, versions: `${folder}/${each}`, mirror: null }));
  const turns: string[] = [];
  const turn = async (what: 'put' | 'label'): Promise<void> => void turns.push(what);
  const run = async () => tryPuts({ clients, keyId: ssm.keyId, names, databaseMs: Date.now(), turn });
  const name = `${folder}/${triedName}`;
  const version = async () => {
    const { Parameter } = await ssm.byHand.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
    return { version: Parameter?.Version, value: Parameter?.Value };
  };
  return { scope, run, turns, name, version };
}

test('one parameter is put for a folder, in its turn, and the secrets stay as they are', async () => {
  const { scope, run, turns, version } = await tried();
  const before = [await versionsOf(fixture, scope), await labelsOf(fixture, scope)];

  expect(await run()).toEqual([]);
  expect(await version()).toEqual({ version: 1, value: 'nothing' });
  expect(turns).toEqual(['put']);

  expect(await run()).toEqual([]);
  expect(await version()).toEqual({ version: 2, value: 'nothing' });
  expect([await versionsOf(fixture, scope), await labelsOf(fixture, scope)]).toEqual(before);
});

test.each(['kms:Encrypt', 'kms:GenerateDataKey'])('a key that %s is denied on is named', async (action) => {
  const { run } = await tried();
  fixture.proxy.plant(denied(action), { operation: 'PutParameter' });

  expect(await run()).toMatchObject([
    { sentence: expect.stringContaining(`denied ${action} with key ${fixture.ssm.keyId}`) as string },
  ]);
});

test('what AWS calls no action by name is kms:Encrypt where it was a put', async () => {
  const { run } = await tried();
  const message = 'The ciphertext refers to a customer master key that you cannot use';
  fixture.proxy.plant({ kind: 'refuse', error: 'AccessDeniedException', message }, { operation: 'PutParameter' });

  expect(await run()).toMatchObject([{ sentence: expect.stringContaining('denied kms:Encrypt') as string }]);
});

test('a policy that names each parameter is told as that', async () => {
  const { run, name } = await tried();
  fixture.proxy.plant(denied('ssm:PutParameter'), { operation: 'PutParameter' });

  expect(await run()).toMatchObject([
    { sentence: expect.stringContaining(`denied ssm:PutParameter of ${name}`) as string },
  ]);
});

test("a parameter of somebody else's is not overwritten, and what it holds is not told", async () => {
  const { run, name, version } = await tried();
  const theirs = 'a-value-of-theirs';
  await fixture.ssm.byHand.send(new PutParameterCommand({ Name: name, Value: theirs, Type: 'SecureString' }));

  const findings = await run();

  expect(findings).toMatchObject([{ sentence: `${name} is a parameter of somebody else: nothing was put there` }]);
  expect(JSON.stringify(findings)).not.toContain(theirs);
  expect(await version()).toEqual({ version: 1, value: theirs });
});
