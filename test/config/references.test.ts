import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { env, file, referenceResolver, resolveReferences } from '../../src/config/references.js';
import type { Json } from '../../src/core/json.js';
import { Secret, sameSecret } from '../../src/core/secret.js';

const json = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;

test('references stay plain JSON until they are resolved, wherever they stand', async () => {
  const settings = json({ host: 'db', admins: [{ password: env('A_PASSWORD') }] });
  const resolver = referenceResolver({ variables: { A_PASSWORD: 'the value' }, folder: '/' });

  const resolved = await resolveReferences(settings, resolver);

  expect(resolved).toMatchObject({ host: 'db', admins: [{ password: expect.any(Secret) }] });
  const { admins } = resolved as { admins: readonly [{ password: Secret }] };
  expect(sameSecret(admins[0].password, Secret.fromText('the value'))).toBe(true);
});

test('a file is read relative to the configuration, without the line break at its end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'keyturn-references-'));
  onTestFinished(async () => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'password'), 'the value\r\n');

  const resolved = await resolveReferences(
    json({ password: file('./password') }),
    referenceResolver({ variables: {}, folder }),
  );

  const { password } = resolved as { password: Secret };
  expect(sameSecret(password, Secret.fromText('the value'))).toBe(true);
});

test.each(['env:NOT_SET', 'env:EMPTY', 'file:./missing'])(
  '%s names itself when it cannot be resolved',
  async ($ref) => {
    const resolver = referenceResolver({ variables: { EMPTY: '' }, folder: '/nowhere' });

    await expect(resolveReferences({ password: { $ref } }, resolver)).rejects.toThrow(
      `REFERENCE_UNRESOLVED: the reference ${$ref} could not be resolved`,
    );
  },
);
