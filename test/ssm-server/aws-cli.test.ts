import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findAwsCli } from '../support/aws-cli.js';
import { type AwsKey, type ServedStore, servedStore } from './served-store.js';

const found = await findAwsCli();
const isHere = typeof found === 'function';

describe.skipIf(!isHere)(`Debian's aws CLI${isHere ? '' : ` (skipped: ${found.lacking})`}`, () => {
  let store: ServedStore;
  let key: AwsKey;

  beforeAll(async () => {
    store = await servedStore();
    key = await store.key({ principal: 'cli' });
  });

  afterAll(async () => store.close());

  const run = (...args: readonly string[]) => {
    if (typeof found !== 'function') throw new TypeError('skipped');
    return found({ url: store.serverUrl, key }, ...args);
  };

  /** The document that a command has answered; null where it says nothing. */
  async function aws(...args: readonly string[]): Promise<unknown> {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout === '' ? null : (JSON.parse(stdout) as unknown);
  }

  async function refusal(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({ code: 254, stdout: '' });
    return stderr.trim();
  }

  const arn = (path: string): string => `arn:aws:ssm:eu-central-1:000000000000:parameter${path}`;
  const any = expect.any(String) as string;

  it('puts, labels and reads one parameter', { timeout: 240_000 }, async () => {
    const db = ['--name', '/cli/db'] as const;

    expect(
      await aws('put-parameter', ...db, '--value', 'one', '--type', 'SecureString', '--tags', 'Key=team,Value=billing'),
    ).toEqual({ Version: 1, Tier: 'Standard' });
    expect(await aws('put-parameter', ...db, '--value', 'two', '--overwrite')).toEqual({
      Version: 2,
      Tier: 'Standard',
    });
    expect(await refusal('put-parameter', ...db, '--value', 'x', '--type', 'SecureString')).toMatch(
      /\(ParameterAlreadyExists\) when calling the PutParameter operation/,
    );
    expect(
      await aws('label-parameter-version', ...db, '--parameter-version', '1', '--labels', 'current', '1st'),
    ).toEqual({ InvalidLabels: ['1st'], ParameterVersion: 1 });
    expect(await aws('get-parameter', '--name', '/cli/db:current', '--with-decryption')).toEqual({
      Parameter: {
        Name: '/cli/db',
        Type: 'SecureString',
        Value: 'one',
        Version: 1,
        Selector: ':current',
        LastModifiedDate: any,
        ARN: arn('/cli/db'),
        DataType: 'text',
      },
    });
    expect(await aws('get-parameter', ...db)).toMatchObject({
      Parameter: { Version: 2, Value: expect.not.stringContaining('two') as string },
    });
    expect(await refusal('get-parameter', '--name', '/cli/db:7')).toMatch(/\(ParameterVersionNotFound\)/);
    expect(await refusal('get-parameter', '--name', '/cli/nothing')).toMatch(/\(ParameterNotFound\)/);
  });

  it('finds many', { timeout: 240_000 }, async () => {
    expect(
      await aws('put-parameter', '--name', '/cli/app/hosts', '--value', 'a,b', '--type', 'StringList'),
    ).toMatchObject({ Version: 1 });
    expect(
      await aws('get-parameters', '--names', '/cli/db', '/cli/app/hosts', '/cli/db', '/cli/no', '--with-decryption'),
    ).toMatchObject({
      Parameters: [
        { Name: '/cli/db', Value: 'two' },
        { Name: '/cli/app/hosts', Value: 'a,b' },
      ],
      InvalidParameters: ['/cli/no'],
    });
    expect(await aws('get-parameters-by-path', '--path', '/cli', '--recursive', '--with-decryption')).toMatchObject({
      Parameters: [
        { Name: '/cli/app/hosts', Value: 'a,b' },
        { Name: '/cli/db', Value: 'two' },
      ],
    });
    expect(
      await aws('get-parameters-by-path', '--path', '/cli', '--parameter-filters', 'Key=Label,Values=current'),
    ).toMatchObject({ Parameters: [{ Name: '/cli/db', Version: 1 }] });
    expect(
      await aws('get-parameter-history', '--name', '/cli/db', '--with-decryption', '--page-size', '1'),
    ).toMatchObject({
      Parameters: [
        { Version: 1, Value: 'one', Labels: ['current'], LastModifiedUser: 'cli' },
        { Version: 2, Value: 'two', Labels: [] },
      ],
    });
    expect(
      await aws('describe-parameters', '--parameter-filters', 'Key=tag:team,Values=billing', 'Key=Path,Values=/cli'),
    ).toEqual({
      Parameters: [
        {
          Name: '/cli/db',
          Type: 'SecureString',
          KeyId: 'alias/keyturn',
          LastModifiedDate: any,
          LastModifiedUser: 'cli',
          Version: 2,
          Tier: 'Standard',
          Policies: [],
          DataType: 'text',
        },
      ],
    });
  });

  it('tags, unlabels and deletes', { timeout: 240_000 }, async () => {
    const resource = ['--resource-type', 'Parameter', '--resource-id', '/cli/db'] as const;

    expect(await aws('add-tags-to-resource', ...resource, '--tags', 'Key=stage,Value=prod')).toBeNull();
    expect(await aws('remove-tags-from-resource', ...resource, '--tag-keys', 'team')).toBeNull();
    expect(await aws('list-tags-for-resource', ...resource)).toEqual({ TagList: [{ Key: 'stage', Value: 'prod' }] });
    expect(
      await aws(
        'unlabel-parameter-version',
        '--name',
        '/cli/db',
        '--parameter-version',
        '1',
        '--labels',
        'current',
        'no',
      ),
    ).toEqual({ RemovedLabels: ['current'], InvalidLabels: ['no'] });
    expect(await aws('delete-parameter', '--name', '/cli/app/hosts')).toBeNull();
    expect(await aws('delete-parameters', '--names', '/cli/db', '/cli/no')).toEqual({
      DeletedParameters: ['/cli/db'],
      InvalidParameters: ['/cli/no'],
    });
    expect(await refusal('delete-parameter', '--name', '/cli/db')).toMatch(/\(ParameterNotFound\)/);
    expect(store.troubles).toEqual([]);
  });
});
