import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type PolicySubject, permissions, readerPolicy, workerPolicy } from '../src/adapters/aws/permissions.js';

/** The file that holds the policies. */
export const page = fileURLToPath(new URL('../docs/aws.md', import.meta.url));

const begin = '<!-- From here on written by `npm run docs:aws` out of src/adapters/aws/permissions.ts. -->';

const subject: PolicySubject = {
  partition: 'aws',
  region: 'eu-central-1',
  account: '111122223333',
  path: '/prod',
  environment: 'prod',
};

/** The page with its table and policies as the source has them now; what stands above them is kept. */
export function withPolicies(text: string): string {
  const introduction = text.split(begin)[0] ?? '';
  const rows = permissions.map(({ action, on, why }) => `| \`${action}\` | ${on} | ${why} |`);
  return [
    `${introduction}${begin}`,
    '',
    '## What a worker must be allowed',
    '',
    '| action | on | why |',
    '|---|---|---|',
    ...rows,
    '',
    'The role of the workers of the environment `prod`, whose secrets are all below `/prod`. Leave `MasterKey` out where the',
    'keyring is a file.',
    '',
    ...json(workerPolicy(subject)),
    '',
    '## What an application must be allowed',
    '',
    ...json(readerPolicy({ ...subject, path: '/prod/billing' })),
    '',
  ].join('\n');
}

const json = (policy: object): readonly string[] => ['```json', JSON.stringify(policy, null, 2), '```'];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(page, withPolicies(readFileSync(page, 'utf8')));
}
