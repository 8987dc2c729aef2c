import { Secret } from 'keyturn/rotator';
import apiKey from 'keyturn/rotators/api-key';
import type { RotatorHarness } from 'keyturn/testing';
import { describe } from 'vitest';
import type { ApiKeyConfig } from '../../../rotators/api-key/config.js';
import { badLine } from '../../support/bad-line.js';
import { judged } from '../../support/judged-rotator.js';
import { ScriptedProvider, faults } from '../../support/scripted-provider.js';
import { textOf } from '../postgres/borrowed.js';
import { ours, requests, settingsOf, untagged } from './borrowed.js';

type Settings = Readonly<Record<string, unknown>>;

/** One provider as its definition describes it, and how it refuses. */
interface Kind {
  /** For the report. */
  readonly name: string;
  readonly settings: Settings;
  /** Makes the provider refuse us. *Returns* what the definition then says otherwise. */
  readonly refuseUs: (provider: ScriptedProvider) => Settings;
  /** Makes the provider refuse the next key for want of room. *Returns* what the definition then says otherwise. */
  readonly fill: (provider: ScriptedProvider) => Settings;
}

const bearer = (token: string): Settings => ({ auth: { kind: 'bearer', token: Secret.fromText(token) } });

// Against a double: the providers themselves are asked in test/third-party, as far as they can be had.
function harnessOf({ name, settings, refuseUs, fill }: Kind): RotatorHarness<ApiKeyConfig> {
  const anywhere = { url: 'http://127.0.0.1:1', admin: { username: 'ops', secret: 'nobody-is-there' } };
  return {
    rotator: apiKey,
    target: { name: `a scripted provider ${name}`, isReal: false },
    capabilities: apiKey.capabilities(apiKey.config.parse(settingsOf(anywhere, settings))),
    begin: async () => {
      const provider = await ScriptedProvider.start();
      const configure = (change: Settings = {}): ApiKeyConfig =>
        apiKey.config.parse(settingsOf(provider, { ...settings, ...change }));
      const over = ({ port }: { readonly port: number }): ApiKeyConfig =>
        configure({ baseUrl: `http://127.0.0.1:${port}` });
      const port = Number(new URL(provider.url).port);
      return {
        config: configure(),
        // Port 1 is for nobody: a connection is refused at once.
        unreachable: over({ port: 1 }),
        hung: over(await badLine(port, { kind: 'blackHole' })),
        plantForeign: async (identity) => void provider.plant('theirs', { id: identity, note: 'ask the billing team' }),
        plantAdopted: async () => {
          const { id, secret } = provider.plant('by hand');
          return { identity: id, value: Secret.fromText(secret) };
        },
        isThere: async (identity) => provider.keys.some(({ id, isDestroyed }) => id === identity && !isDestroyed),
        accepts: async ({ value }) => provider.accepts(textOf(value)),
        openSession: async () => ({ isOpen: async () => false }),
        losingAnswers: async () => {
          const proxy = await badLine(port, { kind: 'cutAfterRequest', match: /^(POST|PUT|DELETE) / });
          return { config: over(proxy), lost: () => proxy.cuts };
        },
        refusals: {
          authority: async () => configure(refuseUs(provider)),
          quota: async () => configure(fill(provider)),
        },
        end: async () => provider.close(),
      };
    },
  };
}

// The address of a line says nothing of the provider behind it, so it is asked who it is.
const system = { method: 'GET', path: '/about', pointer: '/installation' } as const;
const { disable: _, enable: __, ...unswitchable } = requests;

describe('the cases of every rotator, against a scripted provider (double)', () => {
  describe('that keeps tags', () => {
    const full = { status: 422, pointer: '/error/code', equals: 'too_many', means: 'quota' };
    judged(
      harnessOf({
        name: 'that keeps tags',
        settings: { requests: { ...requests, system }, classify: [full] },
        // 401.
        refuseUs: () => bearer('a-token-that-nobody-was-given'),
        fill: (provider) => {
          provider.behaviour.maximum = provider.keys.filter(({ isDestroyed }) => !isDestroyed).length;
          return {};
        },
      }),
    );
  });

  describe('that keeps tags and cannot switch keys off', () => {
    judged(
      harnessOf({
        name: 'that cannot switch keys off',
        settings: { requests: { ...unswitchable, system } },
        // 403.
        refuseUs: ({ viewer }) => bearer(viewer.secret),
        // It does not say so itself; the definition knows how many it takes.
        fill: (provider) => {
          provider.plant('theirs', { note: 'ask the billing team' });
          return { maximum: 2 };
        },
      }),
    );
  });

  describe('that takes a name and a value of ours', () => {
    judged(
      harnessOf({
        name: 'that takes a name and a value of ours',
        settings: {
          requests: { ...ours, system },
          classify: [{ status: 429, request: 'create', means: 'quota' }],
        },
        refuseUs: ({ viewer }) => bearer(viewer.secret),
        fill: (provider) => {
          provider.fail('create', faults.answer(429, { error: 'you have as many users as your plan allows' }));
          return {};
        },
      }),
    );
  });

  describe('that keeps no tag, on an account that is ours alone', () => {
    judged(
      harnessOf({
        name: 'that keeps no tag',
        settings: {
          requests: { ...untagged, system },
          exclusive: true,
          classify: [{ status: 429, request: 'create', means: 'quota' }],
        },
        refuseUs: ({ viewer }) => bearer(viewer.secret),
        fill: (provider) => {
          provider.fail('create', faults.answer(429, { error: 'you have as many keys as your plan allows' }));
          return {};
        },
      }),
    );
  });
});
