import {
  type Connection,
  type Credential,
  type ErrorFacts,
  type RotatorContext,
  Secret,
  isKeyturnError,
} from 'keyturn/rotator';
import apiKey from 'keyturn/rotators/api-key';
import { onTestFinished } from 'vitest';
import type { ApiKeyConfig } from '../../../rotators/api-key/config.js';
import { ScriptedProvider, scriptedRequests } from '../../support/scripted-provider.js';
import { contextOf } from '../postgres/borrowed.js';

type Settings = Readonly<Record<string, unknown>>;

/** The definition of the scripted provider. */
export const requests = scriptedRequests;

/** The same, of a provider that keeps no tag. */
export const untagged = {
  ...requests,
  create: { ...requests.create, body: { name: '{name}' } },
  list: { method: 'GET', path: '/keys', items: '/keys', identity: '/id' },
} as const;

/** The same, of a provider that takes the name and the value that it is given. */
export const ours = {
  ...requests,
  create: { method: 'PUT', path: '/keys/{name}', body: { secret: '{value}', note: '{tag}' }, expect: [204] },
  verify: { method: 'GET', path: '/me', headers: { authorization: 'Basic {basic}' } },
} as const;

/** What a test owns: a provider of its own, gone when it has finished. */
export interface BorrowedProvider {
  readonly provider: ScriptedProvider;
  readonly config: ApiKeyConfig;
  readonly connection: Connection;
  /** Another connection to it, closed when the test has finished. */
  readonly open: (change?: Settings) => Connection;
  readonly configure: (change?: Settings) => ApiKeyConfig;
}

/** The settings of the scripted provider before they are parsed. */
export function settingsOf({ url, admin }: Pick<ScriptedProvider, 'url' | 'admin'>, change: Settings = {}): Settings {
  return {
    baseUrl: url,
    auth: { kind: 'bearer', token: Secret.fromText(admin.secret) },
    principal: 'billing',
    requests,
    ...change,
  };
}

/** Borrows a provider for the running test. */
export async function borrowProvider(
  change: Settings = {},
  tls?: { readonly key: string; readonly cert: string },
): Promise<BorrowedProvider> {
  const provider = await ScriptedProvider.start(tls);
  onTestFinished(async () => provider.close());
  const configure = (more: Settings = {}): ApiKeyConfig =>
    apiKey.config.parse(settingsOf(provider, { ...change, ...more }));
  const open = (more: Settings = {}): Connection => {
    const connection = apiKey.connect(configure(more));
    onTestFinished(async () => connection.close());
    return connection;
  };
  return { provider, config: configure(), connection: open(), open, configure };
}

/** What a call of a test is told. */
export function ctxOf(rotationId = 'r1', change: Partial<RotatorContext> = {}): RotatorContext {
  return contextOf('test:/keys', rotationId, change);
}

/** The code and the facts of what a call throws. Fails where it throws nothing, or something that is not of the catalogue. */
export async function thrownBy(
  promise: Promise<unknown>,
): Promise<{ readonly code: string; readonly facts: ErrorFacts }> {
  const error: unknown = await promise.then(
    () => new Error('it threw nothing'),
    (thrown: unknown) => thrown,
  );
  if (!isKeyturnError(error)) throw error;
  return { code: error.code, facts: error.facts };
}

/** Of the rotation of most tests. */
export const proposal = { identity: 'keyturn-r1' };

/** Makes a key. */
export async function made({ connection }: BorrowedProvider, rotationId = 'r1'): Promise<Credential> {
  const { identity, value } = await connection.create({ identity: `keyturn-${rotationId}` }, ctxOf(rotationId));
  return { identity, value: value! };
}
