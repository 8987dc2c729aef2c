import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { doubleCredentials } from '../support/kms-double/aws-credentials.js';
import { KmsDouble } from '../support/kms-double/kms-double.js';
import { type RunningKeyturn, keyturn, startKeyturn } from './keyturn.js';
import { type Workspace, workspace } from './workspace.js';

/** The alias that a {@link KmsPlace} names its key by. */
export const alias = 'alias/keyturn';
/** Asks for a rotation. */
export const rotate = ['rotate', '/demo/billing/db', '--env', 'demo', '--reason', 'a test'] as const;
/** Starts a worker. */
export const workerArgs = ['worker', '--health-port', 'off'] as const;

/** A workspace with a KMS of its own beside it. */
export interface KmsPlace {
  readonly place: Workspace;
  readonly kms: KmsDouble;
  readonly arn: string;
  /** How a configuration names that key. */
  readonly kmsKey: string;
  readonly options: Workspace['options'];
  readonly run: Workspace['run'];
  readonly worker: () => Promise<RunningKeyturn>;
  readonly change: (from: string, to: string) => Promise<void>;
}

/** A workspace with a key file and, beside it, a KMS that has a key under {@link alias}. */
export async function filePlace(): Promise<KmsPlace> {
  const kms = await KmsDouble.start();
  onTestFinished(() => kms.close());
  const arn = kms.keys.create(kms.region);
  kms.keys.alias(alias, arn);
  const place = await workspace();
  const file = join(place.folder, 'keyturn.config.ts');
  const options = { cwd: place.folder, env: { ...place.options.env, ...doubleCredentials } };
  return {
    place,
    kms,
    arn,
    kmsKey: `kms: { key: '${alias}', region: '${kms.region}', endpoint: '${kms.endpoint}' }`,
    options,
    run: (...args) => keyturn(args, options),
    worker: () => startKeyturn(workerArgs, options, /Working/),
    change: async (from, to) => {
      const text = await readFile(file, 'utf8');
      expect(text).toContain(from);
      await writeFile(file, text.replace(from, to));
    },
  };
}

/** The same without a key file: its master key is in the KMS. */
export async function kmsPlace(): Promise<KmsPlace> {
  const at = await filePlace();
  await rm(join(at.place.folder, 'keyturn.key'));
  await at.change(keyFile, at.kmsKey);
  return at;
}

/** How the configuration of a {@link filePlace} names its master key. */
export const keyFile = `file: './keyturn.key'`;

/** The newest rotation. */
export const statusOf = async ({ place }: KmsPlace): Promise<Readonly<Record<string, unknown>>> => {
  const [row] = await place.ask(
    'SELECT rotation_id AS id, status, step, code FROM keyturn.rotations ORDER BY requested_at DESC LIMIT 1',
  );
  return row ?? {};
};

/** The version that `current` names. */
export const currentOf = async ({ place }: KmsPlace): Promise<unknown> =>
  (await place.ask("SELECT version FROM keyturn.labels WHERE label = 'current'"))[0]?.['version'];
