import { randomBytes } from 'node:crypto';
import {
  GetParameterCommand,
  GetParameterHistoryCommand,
  LabelParameterVersionCommand,
  type ParameterHistory,
  PutParameterCommand,
} from '@aws-sdk/client-ssm';
import { renderCredential } from '../../../src/core/credential.js';
import { isKeyturnError } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import type { Scope } from '../../../src/ports/step-ports.js';
import type { SsmFixture } from './ssm-fixture.js';

/** A credential as a rotation would store it, with a value never used before. */
export function documentFor({ plan }: Scope): Secret {
  const value = Secret.fromText(randomBytes(24).toString('base64url'));
  return renderCredential({ identity: 'app_a', value }, plan.fields);
}

/** What an attempt ends in. */
export async function errorOf(attempt: unknown): Promise<{ code: string; class: string; facts: object }> {
  try {
    await attempt;
  } catch (error) {
    if (isKeyturnError(error)) return { code: error.code, class: error.class, facts: error.facts };
    throw error;
  }
  throw new Error('nothing went wrong');
}

/** Every version that the Parameter Store itself has, asked around the adapter. */
export async function versionsOf(
  { ssm, nameOf }: Pick<SsmFixture, 'ssm' | 'nameOf'>,
  scope: Scope,
): Promise<readonly ParameterHistory[]> {
  try {
    const { Parameters } = await ssm.byHand.send(new GetParameterHistoryCommand({ Name: nameOf(scope) }));
    return Parameters ?? [];
  } catch (error) {
    if (error instanceof Error && error.name === 'ParameterNotFound') return [];
    throw error;
  }
}

/** Where the labels are: `{ current: 1, pending: 2 }`. */
export async function labelsOf(
  fixture: Pick<SsmFixture, 'ssm' | 'nameOf'>,
  scope: Scope,
): Promise<Record<string, number | undefined>> {
  const versions = await versionsOf(fixture, scope);
  return Object.fromEntries(
    versions.flatMap(({ Labels, Version }) =>
      (Labels ?? []).map((label): [string, number | undefined] => [label, Version]),
    ),
  );
}

/** Somebody else puts a version. *Returns* its number. */
export async function putByHand(
  { ssm, nameOf }: Pick<SsmFixture, 'ssm' | 'nameOf'>,
  scope: Scope,
  value = '{"username":"theirs","password":"a-password-of-somebody-else"}',
): Promise<number> {
  const { Version } = await ssm.byHand.send(
    new PutParameterCommand({ Name: nameOf(scope), Value: value, Type: 'SecureString', Overwrite: true }),
  );
  return Version ?? 0;
}

/** What a consumer reads: a version, or null for the bare name. */
export async function textOf(
  { ssm, nameOf }: Pick<SsmFixture, 'ssm' | 'nameOf'>,
  scope: Scope,
  version: number | null,
): Promise<string | undefined> {
  const Name = version === null ? nameOf(scope) : `${nameOf(scope)}:${version}`;
  const { Parameter } = await ssm.byHand.send(new GetParameterCommand({ Name, WithDecryption: true }));
  return Parameter?.Value;
}

/** Somebody else moves a label. */
export async function labelByHand(
  { ssm, nameOf }: Pick<SsmFixture, 'ssm' | 'nameOf'>,
  scope: Scope,
  { label, version }: { readonly label: string; readonly version: number },
): Promise<void> {
  await ssm.byHand.send(
    new LabelParameterVersionCommand({ Name: nameOf(scope), ParameterVersion: version, Labels: [label] }),
  );
}

/** A secret with a current version, and a rotation that has staged the next. */
export async function staged({ store, freshSecret, begin }: SsmFixture) {
  const secret = await freshSecret();
  const first = await begin(secret);
  const { version: old } = await store.putPending(first, documentFor(first));
  await store.moveCurrent(first, { from: null, to: old, previous: null });
  const scope = await begin(secret);
  const { version: pending } = await store.putPending(scope, documentFor(scope));
  return { scope, old, pending };
}
