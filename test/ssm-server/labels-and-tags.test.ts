import {
  AddTagsToResourceCommand,
  DescribeParametersCommand,
  GetParameterHistoryCommand,
  LabelParameterVersionCommand,
  ListTagsForResourceCommand,
  RemoveTagsFromResourceCommand,
  UnlabelParameterVersionCommand,
  type PutParameterCommandInput,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServedStore, servedStore } from './served-store.js';
import { fresh, putBy, getBy, refused } from './words.js';

let served: ServedStore;
let ssm: SSMClient;

beforeAll(async () => {
  served = await servedStore();
  ssm = await served.client();
});
afterAll(() => served.close());

const put = (name: string, value: string, more: Partial<PutParameterCommandInput> = {}) =>
  putBy(ssm, name, value, more);
const get = (name: string) => getBy(ssm, name);

describe('labels', () => {
  it('sit on one version each; those that are none are told, and the others are set', async () => {
    const name = fresh();
    await put(name, 'one');
    await put(name, 'two', { Overwrite: true });
    const label = (version: number, ...Labels: string[]) =>
      ssm.send(new LabelParameterVersionCommand({ Name: name, ParameterVersion: version, Labels }));

    expect(await label(1, 'stable', '1st', 'awsome', 'ssm.x', 'a b')).toMatchObject({
      InvalidLabels: ['1st', 'awsome', 'ssm.x', 'a b'],
      ParameterVersion: 1,
    });
    await label(2, 'stable');
    expect(await get(`${name}:stable`)).toMatchObject({ Version: 2 });
    await expect(label(3, 'stable')).rejects.toEqual(refused('ParameterVersionNotFound'));
    await expect(ssm.send(new LabelParameterVersionCommand({ Name: fresh(), Labels: ['x'] }))).rejects.toEqual(
      refused('ParameterNotFound'),
    );
  });

  it('are ten on a version at most, and nothing is set where there would be more', async () => {
    const name = fresh();
    await put(name, 'one');
    const ten = Array.from({ length: 10 }, (_, index) => `l${index}`);
    await ssm.send(new LabelParameterVersionCommand({ Name: name, Labels: ten }));
    await expect(ssm.send(new LabelParameterVersionCommand({ Name: name, Labels: ['more'] }))).rejects.toEqual(
      refused('ParameterVersionLabelLimitExceeded'),
    );
    await ssm.send(new LabelParameterVersionCommand({ Name: name, Labels: ten }));
    const { Parameters } = await ssm.send(new GetParameterHistoryCommand({ Name: name }));
    expect(Parameters?.[0]?.Labels).toEqual(ten);
  });

  it('are taken off the version that is named, and off no other', async () => {
    const name = fresh();
    await put(name, 'one');
    await put(name, 'two', { Overwrite: true });
    await ssm.send(new LabelParameterVersionCommand({ Name: name, ParameterVersion: 1, Labels: ['a', 'b'] }));

    expect(
      await ssm.send(new UnlabelParameterVersionCommand({ Name: name, ParameterVersion: 1, Labels: ['a', 'c'] })),
    ).toMatchObject({ RemovedLabels: ['a'], InvalidLabels: ['c'] });
    expect(
      await ssm.send(new UnlabelParameterVersionCommand({ Name: name, ParameterVersion: 2, Labels: ['b'] })),
    ).toMatchObject({ RemovedLabels: [], InvalidLabels: ['b'] });
    expect(await get(`${name}:b`)).toMatchObject({ Version: 1 });
  });
});

describe('tags', () => {
  it('are added, listed and removed', async () => {
    const name = fresh();
    await put(name, 'one', { Tags: [{ Key: 'team', Value: 'billing' }] });
    const resource = { ResourceType: 'Parameter', ResourceId: name } as const;
    await ssm.send(
      new AddTagsToResourceCommand({
        ...resource,
        Tags: [
          { Key: '__proto__', Value: 'x' },
          { Key: 'tier', Value: '1' },
        ],
      }),
    );
    await ssm.send(new RemoveTagsFromResourceCommand({ ...resource, TagKeys: ['team'] }));

    const { TagList } = await ssm.send(new ListTagsForResourceCommand(resource));
    expect(TagList?.map(({ Key, Value }) => `${Key}=${Value}`).sort()).toEqual(['__proto__=x', 'tier=1']);
    await expect(put(name, 'two', { Overwrite: true, Tags: [{ Key: 'a', Value: 'b' }] })).rejects.toEqual(
      refused('ValidationException'),
    );
  });
});

describe('policies', () => {
  const note = { Type: 'NoChangeNotification', Version: '1.0', Attributes: { After: '30', Unit: 'Days' } };

  it('are of the advanced tier, kept until replaced, and cleared by an empty one', async () => {
    const name = fresh();
    const Policies = JSON.stringify([note]);
    await expect(put(name, 'x', { Policies })).rejects.toEqual(refused('ValidationException'));
    await put(name, 'x', { Policies, Tier: 'Intelligent-Tiering' });
    await put(name, 'y', { Overwrite: true });
    const described = async () =>
      (await ssm.send(new DescribeParametersCommand({ ParameterFilters: [{ Key: 'Name', Values: [name] }] })))
        .Parameters;
    expect(await described()).toMatchObject([{ Tier: 'Advanced', Policies: [{ PolicyType: 'NoChangeNotification' }] }]);
    await put(name, 'z', { Overwrite: true, Policies: '[{}]' });
    expect(await described()).toMatchObject([{ Policies: [] }]);
  });

  it.each([
    ['[{"Type":"Other"}]', 'InvalidPolicyTypeException'],
    ['no json', 'InvalidPolicyTypeException'],
    ['[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"x"}}]', 'InvalidPolicyAttributeException'],
    [
      '[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"0000-01-01T00:00:00Z"}}]',
      'InvalidPolicyAttributeException',
    ],
    [JSON.stringify(Array.from({ length: 11 }, () => note)), 'PoliciesLimitExceededException'],
  ])('%s is refused with %s', async (Policies, name) => {
    await expect(put(fresh(), 'x', { Policies, Tier: 'Advanced' })).rejects.toEqual(refused(name));
  });
});
