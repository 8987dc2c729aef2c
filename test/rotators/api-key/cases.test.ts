import apiKey from 'keyturn/rotators/api-key';
import type { RotatorHarness } from 'keyturn/testing';
import { describe } from 'vitest';
import type { ApiKeyConfig } from '../../../rotators/api-key/config.js';
import { judged } from '../../support/judged-rotator.js';
import { ScriptedProvider } from '../../support/scripted-provider.js';
import { requests, settingsOf, untagged } from './borrowed.js';

// Against a double: the providers themselves are asked in test/third-party, as far as they can be had.
function harnessOf(change: Readonly<Record<string, unknown>>): RotatorHarness<ApiKeyConfig> {
  const anywhere = { url: 'http://127.0.0.1:1', admin: { username: 'ops', secret: 'nobody-is-there' } };
  return {
    rotator: apiKey,
    target: { name: 'a scripted provider', isReal: false },
    capabilities: apiKey.capabilities(apiKey.config.parse(settingsOf(anywhere, change))),
    begin: async () => {
      const provider = await ScriptedProvider.start();
      const configure = (at: Pick<ScriptedProvider, 'url' | 'admin'>): ApiKeyConfig =>
        apiKey.config.parse(settingsOf(at, change));
      return {
        config: configure(provider),
        // Port 1 is for nobody: a connection is refused at once.
        unreachable: configure({ url: 'http://127.0.0.1:1', admin: provider.admin }),
        plantForeign: async (identity) => void provider.plant('theirs', { id: identity, note: 'ask the billing team' }),
        openSession: async () => ({ isOpen: async () => false }),
        end: async () => provider.close(),
      };
    },
  };
}

const { disable: _, enable: __, ...unswitchable } = requests;

describe('the cases of every rotator, against a scripted provider (double)', () => {
  describe('that keeps tags', () => {
    judged(harnessOf({}));
  });

  describe('that keeps tags and cannot switch keys off', () => {
    judged(harnessOf({ requests: unswitchable }));
  });

  describe('that keeps no tag, on an account that is ours alone', () => {
    judged(harnessOf({ requests: untagged, exclusive: true }));
  });
});
