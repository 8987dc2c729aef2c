import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type OpenIsolated, isolated } from '../../src/config/isolated.js';
import { loadConfig } from '../../src/config/load.js';
import { planFor } from '../../src/config/plan.js';
import { CONTRACT, type Rotator, isSecret } from '../../src/contract/rotator.js';
import { isKeyturnError, keyturnError } from '../../src/core/errors.js';
import { ableCapabilities } from '../support/plans.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const integrity = `sha512-${'A'.repeat(86)}==`;

/** What a configuration is loaded with, and what was asked of it. */
function opening(rotator: Partial<Rotator> = {}) {
  const asked: { isolation: object; configs: readonly unknown[]; from: string }[] = [];
  const openIsolated: OpenIsolated = async (isolation, configs, { from }) => {
    asked.push({ isolation, configs, from });
    return {
      name: 'acme',
      contract: CONTRACT,
      config: z.unknown(),
      credential: { identity: 'id', value: 'token' },
      capabilities: () => ableCapabilities,
      principal: (config) => String((config as { readonly name: string }).name),
      connect: () => {
        throw new TypeError('not in this test');
      },
      classify: () => 'unknown',
      ...rotator,
    };
  };
  const workflows = [{ name: 'staged-rotation', number: 1 }];
  return { asked, options: { workflows, calendar: { next: () => 1 }, openIsolated } };
}

/** A configuration with one target `acme`, or what the text says. */
async function write(
  rotator: string,
  more = { targets: '', secrets: "'/demo/a': { target: 'acme', config: { name: 'a' } }" },
): Promise<string> {
  const file = join(await temporaryFolder(), 'keyturn.config.ts');
  await writeFile(
    file,
    `import { defineConfig, env, isolated } from 'keyturn';
     import random from 'keyturn/rotators/random';
     const rotator = ${rotator};
     export default defineConfig({ keyring: { file: 'k' }, environments: { demo: {
       targets: { acme: { rotator, config: { admin: env('ACME_ADMIN') } }${more.targets} },
       secrets: { ${more.secrets} },
     } } });`,
  );
  return file;
}

const named = `isolated('acme', { integrity: '${integrity}' })`;

async function refusal(file: string, options = opening().options): Promise<string> {
  const thrown: unknown = await loadConfig(file, options).catch((error: unknown) => error);
  if (!isKeyturnError(thrown)) throw new Error('it was not refused', { cause: thrown });
  return thrown.message;
}

describe('a rotator that is named', () => {
  test('is opened with what was written and the settings of its secrets, and a plan runs on what it says of them', async () => {
    const { asked, options } = opening();
    const file = await write(
      `isolated('acme', { integrity: '${integrity}', variables: ['HTTPS_PROXY', 'NODE_EXTRA_CA_CERTS'], write: ['./tokens'], maxMemoryMb: 64 })`,
    );

    const config = await loadConfig(file, options);

    const { isolation, configs, from } = asked[0]!;
    expect(asked).toHaveLength(1);
    expect(isolation).toEqual({
      package: 'acme',
      integrity,
      variables: ['HTTPS_PROXY', 'NODE_EXTRA_CA_CERTS'],
      read: [],
      write: ['./tokens'],
      maxMemoryMb: 64,
    });
    expect(from).toBe(join(file, '..'));
    const [shown] = configs as readonly { readonly admin: unknown; readonly name: string }[];
    expect(shown?.name).toBe('a');
    expect(isSecret(shown?.admin)).toBe(true);
    const asking = { rotationId: 'r1', trigger: 'demand', reason: '', requestedBy: 'me', repair: false } as const;
    expect(planFor({ config, environment: 'demo', path: '/demo/a', ...asking })).toMatchObject({
      rotator: 'acme',
      principal: 'a',
      config: { admin: { $ref: 'env:ACME_ADMIN' }, name: 'a' },
      fields: { identity: 'id', value: 'token' },
    });
  });

  test('is opened once for all the targets that name it with the same words', async () => {
    const { asked, options } = opening();
    const file = await write(named, {
      targets: `, other: { rotator: ${named}, config: {} }`,
      secrets:
        "'/demo/a': { target: 'acme', config: { name: 'a' } }, '/demo/b': { target: 'other', config: { name: 'b' } }",
    });

    await loadConfig(file, options);

    expect(asked.map(({ configs }) => configs.length)).toEqual([2]);
  });

  test('of another contract is refused by its name', async () => {
    expect(await refusal(await write(named), opening({ contract: 7 }).options)).toContain(
      `CONTRACT_MISMATCH: rotator acme was built for contract 7, this Keyturn speaks ${CONTRACT}`,
    );
  });

  test('may not be called like another rotator', async () => {
    const file = await write(named, {
      targets: ", tokens: { rotator: random, config: { folder: '/srv', name: 'x' } }",
      secrets: '',
    });

    expect(await refusal(file, opening({ name: 'random' }).options)).toContain(
      'environments.demo.targets.tokens.rotator: it is called random like another rotator, that of demo.acme',
    );
  });

  test('is refused as it was where it cannot be opened', async () => {
    const openIsolated: OpenIsolated = async () => {
      throw keyturnError('ROTATOR_UNFIT', { package: 'acme', finding: 'it is not installed for /srv', cure: '' });
    };

    expect(await refusal(await write(named), { ...opening().options, openIsolated })).toContain('ROTATOR_UNFIT');
  });

  test.each([
    [`'acme'`, "rotator: a rotator that is named and not imported runs in a process of its own: isolated('NAME', {"],
    [`isolated('acme', {} as never)`, 'rotator.integrity: expected what `keyturn rotator integrity` prints'],
    [`isolated('acme', { integrity: 'sha256-abc' })`, 'rotator.integrity: expected what `keyturn rotator integrity`'],
    [`isolated('../../etc\\0', { integrity: '${integrity}' })`, 'rotator.package: expected the name of a package'],
    [`isolated('Acme Inc', { integrity: '${integrity}' })`, 'rotator.package: expected the name of a package'],
    [
      `isolated('acme', { integrity: '${integrity}', variables: ['NODE_OPTIONS'] })`,
      "rotator.variables[0]: this one is never given to a rotator's process",
    ],
    [
      `isolated('acme', { integrity: '${integrity}', variables: ['KEYTURN_DATABASE_URL'] })`,
      "rotator.variables[0]: this one is never given to a rotator's process",
    ],
    ...['AWS_CONTAINER_AUTHORIZATION_TOKEN', 'AWS_BEARER_TOKEN_BEDROCK', 'AWS_PROFILE', 'AWS_REGIONAL'].map(
      (name): [string, string] => [
        `isolated('acme', { integrity: '${integrity}', variables: ['AWS_REGION', 'AWS_ENDPOINT_URL_SSM', '${name}'] })`,
        "rotator.variables[2]: this one is never given to a rotator's process",
      ],
    ),
    [`isolated('acme', { integrity: '${integrity}', maxMemoryMb: 1 })`, 'rotator.maxMemoryMb'],
    [`{ ...isolated('acme', { integrity: '${integrity}' }), isolate: false } as never`, 'rotator: Unrecognized key'],
  ])('as %s is refused, and nothing is opened', async (rotator, says) => {
    const { asked, options } = opening();

    const message = await refusal(await write(rotator), options);

    expect(message).toContain(`environments.demo.targets.acme.${says}`);
    expect(asked).toEqual([]);
  });
});

test('to name a rotator imports nothing', () => {
  expect(isolated('nobody-has-this', { integrity })).toEqual({
    kind: 'isolated',
    package: 'nobody-has-this',
    integrity,
  });
});
