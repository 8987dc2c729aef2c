import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { page, withPolicies } from '../../../scripts/aws-doc.js';
import { permissions, workerPolicy } from '../../../src/adapters/aws/permissions.js';

const folder = fileURLToPath(new URL('../../../src/adapters/aws/', import.meta.url));

const sources = readdirSync(folder)
  .filter((name) => name !== 'permissions.ts')
  .map((name) => readFileSync(`${folder}${name}`, 'utf8'));

/** The actions of every command that is made from a client of AWS: `ssm:PutParameter`. */
function called(texts: readonly string[]): ReadonlySet<string> {
  const actions = new Set<string>();
  for (const text of texts) {
    for (const [, imported = '', client = ''] of text.matchAll(/import \{([^}]*)\} from '@aws-sdk\/client-(\w+)'/g)) {
      for (const [, name = ''] of imported.matchAll(/\b(\w+)Command\b(?!Output)/g)) actions.add(`${client}:${name}`);
    }
  }
  return actions;
}

test('every call of the adapters is a permission, and every permission is a call or one of Parameter Store', () => {
  const byOthers = permissions.filter(({ on }) => on === 'parameter key').map(({ action }) => action);
  const ours = permissions.filter(({ on }) => on !== 'parameter key').map(({ action }) => action);

  expect([...called(sources)].sort()).toEqual([...ours].sort());
  expect([...byOthers].sort()).toEqual(['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey']);
});

test('a call without a permission is found', () => {
  const planted =
    "import {\n  DeleteParameterCommand,\n  type PutParameterCommandOutput,\n} from '@aws-sdk/client-ssm';";

  expect([...called([planted])]).toEqual(['ssm:DeleteParameter']);
});

test('the policy of a worker allows everything in the table and nothing else', () => {
  const { Statement } = workerPolicy({
    partition: 'aws',
    region: 'eu-central-1',
    account: '111122223333',
    path: '/prod',
    environment: 'prod',
  }) as { readonly Statement: readonly { readonly Action: readonly string[]; readonly Resource: string }[] };

  expect(Statement.flatMap(({ Action }) => Action)).toEqual(permissions.map(({ action }) => action));
  expect(Statement.every(({ Resource }) => Resource !== '*')).toBe(true);
});

test('docs/aws.md has the policies of the source', () => {
  const text = readFileSync(page, 'utf8');

  expect(withPolicies(text), 'run `npm run docs:aws`').toBe(text);
});
