import apiKey from 'keyturn/rotators/api-key';
import { type RotatorHarness, rotatorCases } from 'keyturn/testing';
import { describe, test } from 'vitest';
import type { ApiKeyConfig } from '../../../rotators/api-key/config.js';
import { ScriptedProvider } from '../../support/scripted-provider.js';
import { requests, settingsOf, untagged } from './borrowed.js';

// Against a double: the providers themselves are asked in test/third-party, as far as they can be had.
function harnessOf(change: Readonly<Record<string, unknown>>): RotatorHarness<ApiKeyConfig> {
  const anywhere = { url: 'http://127.0.0.1:1', admin: { username: 'ops', secret: 'nobody-is-there' } };
  return {
    rotator: apiKey,
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
    test.each(rotatorCases(harnessOf({})))('$name', async ({ run }) => run());
  });

  describe('that keeps tags and cannot switch keys off', () => {
    test.each(rotatorCases(harnessOf({ requests: unswitchable })))('$name', async ({ run }) => run());
  });

  describe('that keeps no tag, on an account that is ours alone', () => {
    // These tell keys of others from ours by their tag. Here nobody else has any: that is what `exclusive` says.
    const byTag = [
      'created twice, one is live',
      'a principal that somebody else uses is refused',
      'the list holds what is ours and nothing else',
      'destroying what carries another tag is refused',
    ];
    const exclusive = harnessOf({ requests: untagged, exclusive: true });
    const cases = rotatorCases(exclusive).filter(({ name }) => !byTag.includes(name));
    test.each(cases)('$name', async ({ run }) => run());
  });
});
