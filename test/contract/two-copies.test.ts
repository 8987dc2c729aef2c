import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type * as Contract from '../../src/contract/rotator.js';
import type * as Guard from '../../src/engine/guard.js';
import type * as Scrub from '../../src/core/scrub.js';
import { build, built } from '../support/built.js';
import { aPlan, ableCapabilities } from '../support/plans.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const value = 'kt-canary-value-of-the-credential';

/** One more copy of the package as it is shipped: its own files, its own classes. */
async function aCopy() {
  await build();
  const folder = join(await temporaryFolder(), 'node_modules', 'keyturn');
  await mkdir(folder, { recursive: true });
  await cp(built(''), join(folder, 'dist'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await mkdir(join(folder, 'node_modules'));
  await symlink(join(root, 'node_modules', 'zod'), join(folder, 'node_modules', 'zod'));
  const at = async <Module>(name: string): Promise<Module> => (await import(join(folder, 'dist', name))) as Module;
  return {
    contract: await at<typeof Contract>('src/contract/rotator.js'),
    guard: await at<typeof Guard>('src/engine/guard.js'),
    scrub: await at<typeof Scrub>('src/core/scrub.js'),
  };
}

/** The copy of Keyturn, and the copy that a rotator was installed with. */
const twoCopies = async () => {
  const [keyturn, rotators] = [await aCopy(), await aCopy()];
  expect(keyturn.contract.Secret).not.toBe(rotators.contract.Secret);
  expect(keyturn.contract.KeyturnError).not.toBe(rotators.contract.KeyturnError);
  return { keyturn, rotators };
};

describe('between two copies of the package', () => {
  test('a secret is a secret: it opens, does not print, and passes for one in settings', async () => {
    const { keyturn, rotators } = await twoCopies();
    const theirs = rotators.contract.Secret.fromText(value);

    expect(keyturn.contract.isSecret(theirs)).toBe(true);
    expect(new TextDecoder().decode(keyturn.contract.openSecret(theirs))).toBe(value);
    expect(inspect(theirs)).toBe('[secret]');
    expect(rotators.contract.secretSchema.safeParse(keyturn.contract.Secret.fromText(value)).success).toBe(true);
  });

  test('an error is an error of the catalogue', async () => {
    const { keyturn, rotators } = await twoCopies();
    const theirs = rotators.contract.keyturnError('NOT_OURS', { identity: 'app' });

    expect(keyturn.contract.isKeyturnError(theirs)).toBe(true);
    expect(theirs).not.toBeInstanceOf(keyturn.contract.KeyturnError);
  });

  test("a rotator's errors keep their code, and its secrets are scrubbed and handed on", async () => {
    const { keyturn, rotators } = await twoCopies();
    const { Secret, keyturnError, openSecret } = rotators.contract;
    const connection: Partial<Contract.Connection> = {
      propose: async () => ({ identity: 'app', value: Secret.fromText(value) }),
      create: async ({ value: given }) => {
        throw keyturnError('PRINCIPAL_IN_USE', {
          principal: given === undefined ? '' : new TextDecoder().decode(openSecret(given)),
        });
      },
    };
    const rotator: Contract.Rotator = {
      name: 'acme',
      contract: rotators.contract.CONTRACT,
      config: z.unknown(),
      credential: { identity: 'id', value: 'token' },
      capabilities: () => ableCapabilities,
      principal: () => 'app',
      connect: () => connection as Contract.Connection,
      classify: () => 'unknown',
    };
    const scrubber = new keyturn.scrub.Scrubber();
    onTestFinished(() => scrubber.forget());
    const log = { debug: () => {}, warn: () => {} };
    const port = keyturn.guard.guardRotator(rotator, connection as Contract.Connection, {
      config: {},
      log,
      report: () => {},
      scrubber,
    });
    const signal = new AbortController().signal;
    const fence = { era: 1, epoch: 1, known: false };
    const scope = { plan: aPlan(), step: 'create', attempt: 1, fence, nowMs: 1, signal, deadlineMs: 500 };

    const proposal = await port.propose(scope, null);
    const thrown: unknown = await Promise.resolve(port.create(scope, proposal)).catch((error: unknown) => error);

    expect(thrown).toBeInstanceOf(keyturn.contract.KeyturnError);
    expect(thrown).toMatchObject({ code: 'PRINCIPAL_IN_USE', facts: { principal: '[secret]' } });
    expect(inspect(thrown, { depth: 9, showHidden: true })).not.toContain(value);
  });
});
