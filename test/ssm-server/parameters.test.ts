import {
  DeleteParameterCommand,
  DeleteParametersCommand,
  GetParameterCommand,
  LabelParameterVersionCommand,
  ListTagsForResourceCommand,
  PutParameterCommand,
  RemoveTagsFromResourceCommand,
  UnlabelParameterVersionCommand,
  type PutParameterCommandInput,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putInitial } from '../../src/adapters/postgres/store/put-by-person.js';
import { renderCredential } from '../../src/core/credential.js';
import { Secret } from '../../src/core/secret.js';
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

describe('a parameter', () => {
  it('is read back by name, by version and by label, each with its selector', async () => {
    const name = `${fresh()}/db`;
    expect(await put(name, 'one')).toMatchObject({ Version: 1, Tier: 'Standard' });
    expect(await put(name, 'two', { Overwrite: true })).toMatchObject({ Version: 2 });
    await ssm.send(new LabelParameterVersionCommand({ Name: name, ParameterVersion: 1, Labels: ['current'] }));

    expect(await get(name)).toMatchObject({
      Name: name,
      Value: 'two',
      Version: 2,
      Type: 'SecureString',
      DataType: 'text',
    });
    expect(await get(`${name}:1`)).toMatchObject({ Value: 'one', Version: 1, Selector: ':1' });
    expect(await get(`${name}:current`)).toMatchObject({ Value: 'one', Version: 1, Selector: ':current', Name: name });
    const arn = (await get(name))?.ARN;
    expect(arn).toBe(`arn:aws:ssm:eu-central-1:000000000000:parameter${name}`);
    expect(await get(`${arn}:current`)).toMatchObject({ Version: 1 });
  });

  it('is answered by what is missing: the parameter, the version or the label', async () => {
    const name = fresh();
    await expect(get(name)).rejects.toEqual(refused('ParameterNotFound'));
    await put(name, 'one');
    await expect(get(`${name}:2`)).rejects.toEqual(refused('ParameterVersionNotFound'));
    await expect(get(`${name}:nowhere`)).rejects.toEqual(refused('ParameterVersionNotFound'));
  });

  it('with and without its slash is the same one, and answers as it was made', async () => {
    const name = fresh().slice(1);
    await put(name, 'one', { Type: 'String' });

    expect(await get(`/${name}`)).toMatchObject({ Name: name, Value: 'one' });
    await expect(put(`/${name}`, 'two', { Type: 'String' })).rejects.toEqual(refused('ParameterAlreadyExists'));
  });

  it('of the type SecureString is given sealed to who does not ask for it in clear', async () => {
    const name = fresh();
    await put(name, 'correct-horse-battery');

    const sealed = (await ssm.send(new GetParameterCommand({ Name: name }))).Parameter?.Value ?? '';
    expect(Buffer.from(sealed, 'base64').toString('latin1')).not.toContain('correct-horse');
    expect(sealed.length).toBeGreaterThan(100);

    await put(`${name}-plain`, 'seen', { Type: 'String' });
    expect((await ssm.send(new GetParameterCommand({ Name: `${name}-plain` }))).Parameter?.Value).toBe('seen');
  });

  it('is given as it was put, to the character', async () => {
    for (const value of ['\ufeffwith a mark', ' \r\n\t', '\u0001\u007f\u0085\u2028', '"\\', '\u{1f511}e\u0301']) {
      const name = fresh();
      await put(name, value);
      expect((await get(name))?.Value).toBe(value);
    }
  });

  it('keeps its type, and a first put must say one', async () => {
    const name = fresh();
    await expect(ssm.send(new PutParameterCommand({ Name: name, Value: 'x' }))).rejects.toEqual(
      refused('ValidationException'),
    );
    await put(name, 'one', { Type: 'String' });
    await expect(put(name, 'two', { Type: 'SecureString', Overwrite: true })).rejects.toEqual(
      refused('HierarchyTypeMismatchException'),
    );
    expect(await ssm.send(new PutParameterCommand({ Name: name, Value: 'two', Overwrite: true }))).toMatchObject({
      Version: 2,
    });
  });

  it('is only overwritten where that is said', async () => {
    const name = fresh();
    await put(name, 'one');
    await expect(put(name, 'two')).rejects.toEqual(refused('ParameterAlreadyExists'));
    expect(await get(name)).toMatchObject({ Value: 'one', Version: 1 });
  });

  it('that was deleted is gone with its versions, labels and tags, and begins again at 1', async () => {
    const name = fresh();
    await put(name, 'one', { Tags: [{ Key: 'team', Value: 'billing' }] });
    await ssm.send(new LabelParameterVersionCommand({ Name: name, Labels: ['current'] }));
    await ssm.send(new DeleteParameterCommand({ Name: name }));

    await expect(get(name)).rejects.toEqual(refused('ParameterNotFound'));
    await expect(ssm.send(new DeleteParameterCommand({ Name: name }))).rejects.toEqual(refused('ParameterNotFound'));
    expect(await put(name, 'two')).toMatchObject({ Version: 1 });
    await expect(get(`${name}:current`)).rejects.toEqual(refused('ParameterVersionNotFound'));
    const { TagList } = await ssm.send(new ListTagsForResourceCommand({ ResourceType: 'Parameter', ResourceId: name }));
    expect(TagList).toEqual([]);
  });

  it('that is immutable takes no further version and is not deleted, also not by taking the tag away', async () => {
    const name = fresh();
    await put(name, 'one', { Tags: [{ Key: 'keyturn:immutable', Value: 'true' }] });

    await expect(put(name, 'two', { Overwrite: true })).rejects.toEqual(refused('ValidationException'));
    await expect(ssm.send(new DeleteParameterCommand({ Name: name }))).rejects.toEqual(refused('ValidationException'));
    await expect(
      ssm.send(
        new RemoveTagsFromResourceCommand({
          ResourceType: 'Parameter',
          ResourceId: name,
          TagKeys: ['keyturn:immutable'],
        }),
      ),
    ).rejects.toEqual(refused('ValidationException'));
    expect(await get(name)).toMatchObject({ Value: 'one', Version: 1 });
  });

  it('keeps a hundred versions, and no further one while the oldest has a label', async () => {
    const name = fresh();
    await put(name, 'v1');
    for (let version = 2; version <= 100; version += 1) await put(name, `v${version}`, { Overwrite: true });
    await ssm.send(new LabelParameterVersionCommand({ Name: name, ParameterVersion: 1, Labels: ['kept'] }));

    await expect(put(name, 'v101', { Overwrite: true })).rejects.toEqual(refused('ParameterMaxVersionLimitExceeded'));
    await ssm.send(new UnlabelParameterVersionCommand({ Name: name, ParameterVersion: 1, Labels: ['kept'] }));
    expect(await put(name, 'v101', { Overwrite: true })).toMatchObject({ Version: 101 });
    await expect(get(`${name}:1`)).rejects.toEqual(refused('ParameterVersionNotFound'));
    expect(await get(`${name}:2`)).toMatchObject({ Value: 'v2' });
  });
});

describe('the size of a value', () => {
  it('is 4 KB in the standard tier and 8 KB in the advanced one, which is never left again', async () => {
    const name = fresh();
    await expect(put(name, 'x'.repeat(4_097))).rejects.toEqual(refused('ValidationException'));
    expect(await put(name, 'x'.repeat(4_096))).toMatchObject({ Tier: 'Standard' });
    expect(await put(name, 'x'.repeat(8_192), { Overwrite: true, Tier: 'Advanced' })).toMatchObject({
      Tier: 'Advanced',
    });
    await expect(put(name, 'x', { Overwrite: true, Tier: 'Standard' })).rejects.toEqual(refused('ValidationException'));
    expect(await put(name, 'x', { Overwrite: true })).toMatchObject({ Tier: 'Advanced' });
    await expect(put(name, 'x'.repeat(8_193), { Overwrite: true })).rejects.toEqual(refused('ValidationException'));
    await expect(put(name, 'ü'.repeat(4_097), { Overwrite: true })).rejects.toEqual(refused('ValidationException'));
  });

  it('decides the tier where that is left to the store', async () => {
    expect(await put(fresh(), 'x', { Tier: 'Intelligent-Tiering' })).toMatchObject({ Tier: 'Standard' });
    expect(await put(fresh(), 'x'.repeat(5_000), { Tier: 'Intelligent-Tiering' })).toMatchObject({ Tier: 'Advanced' });
  });
});

describe('what a value must be', () => {
  it('is said by the pattern, which later puts must match as well', async () => {
    const name = fresh();
    await expect(put(name, 'abc', { AllowedPattern: '^[0-9]+$' })).rejects.toEqual(
      refused('ParameterPatternMismatchException'),
    );
    await put(name, '123', { AllowedPattern: '^[0-9]+$' });
    // What AWS takes: an escape that means nothing, and a class of Unicode.
    await put(fresh(), 'a-b', { AllowedPattern: '^a\\-b$' });
    await put(fresh(), 'é', { AllowedPattern: '^\\p{L}$' });
    await put(fresh(), 'é-1_\\', { AllowedPattern: '^\\p{L}+\\-\\d[\\_\\-]\\\\$' });
    await expect(put(fresh(), 'p{L}-1', { AllowedPattern: '^\\p{L}+\\-\\d$' })).rejects.toEqual(
      refused('ParameterPatternMismatchException'),
    );
    await expect(put(name, 'abc', { Overwrite: true })).rejects.toEqual(refused('ParameterPatternMismatchException'));
    await expect(put(fresh(), 'x', { AllowedPattern: '(' })).rejects.toEqual(refused('InvalidAllowedPatternException'));
  });

  it('is refused in time where the pattern goes back and forth for ever', async () => {
    await expect(put(fresh(), `${'a'.repeat(40)}!`, { AllowedPattern: '^(a+)+$' })).rejects.toEqual(
      refused('InvalidAllowedPatternException'),
    );
    expect(served.troubles).toEqual([]);
  });

  it.each([
    ['json', '{"a":1}', '{a:1}'],
    ['jsonc', '{"a":1, // of "two"\n}', '{a:1}'],
    ['url', 'https://example.org/x', 'no url'],
    ['aws:ec2:image', 'ami-0123456789abcdef0', 'ami-x'],
  ])('is said by the data type %s', async (DataType, good, bad) => {
    const name = fresh();
    await expect(put(name, bad, { Type: 'String', DataType })).rejects.toEqual(refused('ValidationException'));
    await put(name, good, { Type: 'String', DataType });
    expect(await get(name)).toMatchObject({ Value: good, DataType });
  });

  it('is never a reference', async () => {
    await expect(put(fresh(), 'a {{ssm:other}} b')).rejects.toEqual(refused('ValidationException'));
  });
});

describe('a secret under management', () => {
  it('is read like any other, and written and deleted by rotations alone', async () => {
    const secret = await served.freshSecret();
    await served.pool.query('UPDATE keyturn.secrets SET declared = true WHERE secret = $1', [secret]);
    const path = secret.slice('test:'.length);
    const value = renderCredential(
      { identity: 'app_a', value: Secret.fromText('a-generated-value-000000000') },
      { identity: 'username', value: 'password' },
    );
    await putInitial(served, { secret, value, by: 'ada', reason: 'a test' });

    expect(await get(`${path}:current`)).toMatchObject({ Version: 1, Type: 'SecureString' });
    expect(JSON.parse((await get(`${path}:current`))?.Value ?? '')).toMatchObject({ username: 'app_a' });
    await expect(put(path, 'x', { Overwrite: true })).rejects.toEqual(refused('AccessDeniedException'));
    await expect(ssm.send(new DeleteParameterCommand({ Name: path }))).rejects.toEqual(
      refused('AccessDeniedException'),
    );
    await expect(ssm.send(new LabelParameterVersionCommand({ Name: path, Labels: ['previous'] }))).rejects.toEqual(
      refused('AccessDeniedException'),
    );
    expect(await ssm.send(new DeleteParametersCommand({ Names: [path] }))).toMatchObject({ InvalidParameters: [path] });
  });

  it('that is declared no more stays one until its rotation has ended', async () => {
    const secret = await served.freshSecret();
    const path = secret.slice('test:'.length);
    const value = renderCredential(
      { identity: 'app_a', value: Secret.fromText('a-generated-value-000000000') },
      { identity: 'username', value: 'password' },
    );
    await putInitial(served, { secret, value, by: 'ada', reason: 'a test' });
    await served.begin(secret);

    await expect(put(path, 'x', { Overwrite: true })).rejects.toEqual(refused('AccessDeniedException'));
    await expect(
      ssm.send(new UnlabelParameterVersionCommand({ Name: path, ParameterVersion: 1, Labels: ['current'] })),
    ).rejects.toEqual(refused('AccessDeniedException'));
    await expect(ssm.send(new DeleteParameterCommand({ Name: path }))).rejects.toEqual(
      refused('AccessDeniedException'),
    );
    expect(await get(`${path}:current`)).toMatchObject({ Version: 1 });

    await served.pool.query('UPDATE keyturn.rotations SET closed_at = now() WHERE secret = $1', [secret]);
    expect(await put(path, 'x', { Overwrite: true })).toMatchObject({ Version: 2 });
  });
});
