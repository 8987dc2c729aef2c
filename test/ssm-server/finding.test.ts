import {
  DeleteParametersCommand,
  DescribeParametersCommand,
  GetParameterHistoryCommand,
  GetParametersByPathCommand,
  GetParametersCommand,
  LabelParameterVersionCommand,
  type PutParameterCommandInput,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServedStore, servedStore } from './served-store.js';
import { fresh, putBy, refused } from './words.js';

let served: ServedStore;
let ssm: SSMClient;

beforeAll(async () => {
  served = await servedStore();
  ssm = await served.client();
});
afterAll(() => served.close());

const put = (name: string, value: string, more: Partial<PutParameterCommandInput> = {}) =>
  putBy(ssm, name, value, more);

describe('many at once', () => {
  it('GetParameters answers a repeated name once, and tells the ones there are not', async () => {
    const name = fresh();
    await put(name, 'one');
    const answer = await ssm.send(
      new GetParametersCommand({ Names: [name, name, `${name}:1`, `${name}/none`, `${name}:9`], WithDecryption: true }),
    );
    expect(answer.Parameters?.map(({ Value, Selector }) => [Value, Selector])).toEqual([
      ['one', undefined],
      ['one', ':1'],
    ]);
    expect(answer.InvalidParameters).toEqual([`${name}/none`, `${name}:9`]);
  });

  it('GetParametersByPath gives a level or all below, in pages, and never a look-alike', async () => {
    const root = fresh();
    for (let index = 0; index < 12; index += 1) await put(`${root}/a${index}`, `v${index}`);
    await put(`${root}/deep/er`, 'deep', { Type: 'String' });
    await put(`${root}x/other`, 'other');
    const all = async (more: object): Promise<readonly string[]> => {
      const names: string[] = [];
      let NextToken: string | undefined;
      do {
        const page = await ssm.send(
          new GetParametersByPathCommand({ Path: root, WithDecryption: true, NextToken, ...more }),
        );
        names.push(...(page.Parameters ?? []).map(({ Name }) => Name ?? ''));
        expect(page.Parameters?.length).toBeLessThanOrEqual(10);
        ({ NextToken } = page);
      } while (NextToken !== undefined);
      return names;
    };
    expect(await all({})).toHaveLength(12);
    expect(await all({ Recursive: true, MaxResults: 3 })).toHaveLength(13);
    expect(await all({ Recursive: true, ParameterFilters: [{ Key: 'Type', Values: ['String'] }] })).toEqual([
      `${root}/deep/er`,
    ]);
    await put(`${root}/a1`, 'newer', { Overwrite: true });
    await ssm.send(new LabelParameterVersionCommand({ Name: `${root}/a1`, ParameterVersion: 1, Labels: ['current'] }));
    const labelled = await ssm.send(
      new GetParametersByPathCommand({
        Path: root,
        WithDecryption: true,
        ParameterFilters: [{ Key: 'Label', Option: 'Equals', Values: ['current'] }],
      }),
    );
    expect(labelled.Parameters?.map(({ Name, Value }) => [Name, Value])).toEqual([[`${root}/a1`, 'v1']]);
  });

  it('GetParameterHistory gives every version with its labels, oldest first, in pages', async () => {
    const name = fresh();
    await put(name, 'one', { Description: 'the first' });
    await put(name, 'two', { Overwrite: true });
    await put(name, 'three', { Overwrite: true, Description: 'the third' });
    await ssm.send(new LabelParameterVersionCommand({ Name: name, ParameterVersion: 2, Labels: ['current'] }));

    const first = await ssm.send(new GetParameterHistoryCommand({ Name: name, WithDecryption: true, MaxResults: 2 }));
    const second = await ssm.send(
      new GetParameterHistoryCommand({ Name: name, WithDecryption: true, MaxResults: 2, NextToken: first.NextToken }),
    );
    expect([...(first.Parameters ?? []), ...(second.Parameters ?? [])]).toMatchObject([
      { Version: 1, Value: 'one', Labels: [], Description: 'the first', LastModifiedUser: 'tester' },
      { Version: 2, Value: 'two', Labels: ['current'], Description: 'the first' },
      { Version: 3, Value: 'three', Labels: [], Description: 'the third' },
    ]);
    expect(second.NextToken).toBeUndefined();
  });

  it('DescribeParameters finds by name, path, type, tier and tag, without any value', async () => {
    const root = fresh();
    await put(`${root}/db`, 'hidden-value', { Tags: [{ Key: 'team', Value: 'billing' }], Description: 'a database' });
    await put(`${root}/list`, 'a,b', { Type: 'StringList', Tier: 'Advanced' });
    await put(`${root}/deep/one`, 'x', { Type: 'String' });
    const find = async (...ParameterFilters: { Key: string; Option?: string; Values?: string[] }[]) => {
      const { Parameters } = await ssm.send(
        new DescribeParametersCommand({
          ParameterFilters: [
            ...ParameterFilters,
            ...(ParameterFilters.some(({ Key }) => Key === 'Path')
              ? []
              : [{ Key: 'Path', Option: 'Recursive', Values: [root] }]),
          ],
        }),
      );
      expect(JSON.stringify(Parameters)).not.toContain('hidden-value');
      return Parameters?.map(({ Name }) => Name?.slice(root.length));
    };
    expect(await find({ Key: 'Path', Option: 'OneLevel', Values: [root] })).toEqual(['/db', '/list']);
    expect(await find()).toEqual(['/db', '/deep/one', '/list']);
    expect(await find({ Key: 'Name', Option: 'Contains', Values: ['li'] })).toEqual(['/list']);
    expect(await find({ Key: 'Name', Option: 'BeginsWith', Values: [`${root}/d`] })).toEqual(['/db', '/deep/one']);
    expect(await find({ Key: 'Type', Values: ['StringList', 'String'] })).toEqual(['/deep/one', '/list']);
    expect(await find({ Key: 'Tier', Values: ['Advanced'] })).toEqual(['/list']);
    expect(await find({ Key: 'tag:team', Values: ['billing'] })).toEqual(['/db']);
    expect(await find({ Key: 'tag:team', Values: ['other'] })).toEqual([]);
    await expect(find({ Key: 'Type', Values: ['String'] }, { Key: 'Type', Values: ['StringList'] })).rejects.toEqual(
      refused('ValidationException'),
    );
    await expect(find({ Key: 'Color', Values: ['red'] })).rejects.toEqual(refused('InvalidFilterKey'));
    await expect(find({ Key: 'Tier', Option: 'Near', Values: ['x'] })).rejects.toEqual(refused('InvalidFilterOption'));
  });

  it.each([
    [{ Key: 'Type' }, 'InvalidFilterValue'],
    [{ Key: 'Type', Values: [] }, 'InvalidFilterValue'],
    [{ Key: 'Type', Values: ['String', 'Secret'] }, 'InvalidFilterValue'],
    [{ Key: 'Label', Values: ['current'], Option: 'BeginsWith' }, 'InvalidFilterOption'],
    [{ Key: 'Label' }, 'InvalidFilterValue'],
    [{ Key: 'Name', Values: ['/x'] }, 'InvalidFilterKey'],
    [{ Key: 'tag:team', Values: ['billing'] }, 'InvalidFilterKey'],
  ])(
    'GetParametersByPath refuses the filter %j, and does not take it for one that finds nothing',
    async (filter, error) => {
      const asked = ssm.send(new GetParametersByPathCommand({ Path: '/', ParameterFilters: [filter] }));

      await expect(asked).rejects.toEqual(refused(error));
    },
  );

  it.each([
    [{ Key: 'Type', Values: ['Secret'] }, 'InvalidFilterValue'],
    [{ Key: 'Tier', Values: ['Basic'] }, 'InvalidFilterValue'],
    [{ Key: 'Path', Values: ['not-a-path'] }, 'InvalidFilterValue'],
    [{ Key: 'Label', Values: ['current'] }, 'InvalidFilterKey'],
  ])('DescribeParameters refuses the filter %j', async (filter, error) => {
    const asked = ssm.send(new DescribeParametersCommand({ ParameterFilters: [filter] }));

    await expect(asked).rejects.toEqual(refused(error));
  });

  it('DeleteParameters tells which are gone and which are not', async () => {
    const name = fresh();
    await put(name, 'one');
    expect(await ssm.send(new DeleteParametersCommand({ Names: [name, `${name}/none`] }))).toMatchObject({
      DeletedParameters: [name],
      InvalidParameters: [`${name}/none`],
    });
  });

  it('twenty puts at once of one parameter are twenty versions', async () => {
    const name = fresh();
    await put(name, 'one');
    const puts = await Promise.all(
      Array.from({ length: 20 }, (_, index) => put(name, `v${index}`, { Overwrite: true })),
    );
    expect(puts.map(({ Version }) => Version).sort((a, b) => (a ?? 0) - (b ?? 0))).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 2),
    );
  });
});
