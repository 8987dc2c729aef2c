import { keyturnError } from 'keyturn/rotator';
import type { Planted } from './planted.js';

/** Stubs that misread a target that is silent, away, or refuses. */
export const faultDeviations: readonly Planted[] = [
  [
    'takes a lost answer for a refusal',
    { classify: () => 'transient' },
    'an error that means nothing to it is sorted as `unknown`',
    'a create whose answer was lost is finished by the next one',
    'a destroy whose answer was lost is repeated and succeeds',
  ],
  [
    'takes what does not answer for refused',
    {
      connection: (sound) => ({
        probe: async (credential, ctx) =>
          (await sound.probe(credential, ctx)).map((each) =>
            each.answer === 'unknown' ? { ...each, answer: 'refused' as const } : each,
          ),
      }),
    },
    'a target that does not answer is unknown, never refused',
    'a call to a target that hangs ends with its signal, and says that nobody knows',
  ],
  [
    'ignores the signal of a target that hangs',
    { connection: (_sound, { line }) => (line === 'hung' ? { list: async () => new Promise<never>(() => {}) } : {}) },
    'a call to a target that hangs ends with its signal, and says that nobody knows',
  ],
  [
    'makes room where the target is full',
    {
      connection: (sound, { target, line }) => ({
        create: async (proposal, ctx) => {
          if (line === 'quota') target.entries().clear();
          return sound.create(proposal, ctx);
        },
      }),
    },
    'a target that is full says so for certain, and nothing makes room for the new one',
  ],
  [
    'takes a refused value for a broken step',
    {
      connection: (sound, { line }) => ({
        create: async (proposal, ctx) => {
          if (line === 'policy') throw keyturnError('STEP_FAILED', { step: 'create' });
          return sound.create(proposal, ctx);
        },
      }),
    },
    'a value that the target refuses is rejected by policy, and nothing is made of it',
  ],
  [
    'takes a refusal of the admin for one of the credential',
    {
      connection: (sound, { line }) => ({
        probe: async (credential, ctx) =>
          line === 'authority' ? [{ endpoint: 'memory', answer: 'refused' }] : sound.probe(credential, ctx),
      }),
    },
    'a target that refuses us is rejected by authority, and says nothing of the credential',
  ],
  [
    'finds nothing wherever it looks',
    { connection: () => ({ preflight: async () => [] }) },
    'the preflight of a target that does not answer is not well, and says what to do',
  ],
  ...(['preflight', 'propose', 'enable'] as const).map(
    (member): Planted => [
      `ignores in ${member} the signal of a target that hangs`,
      {
        connection: (_sound, { line }) =>
          line === 'hung' ? { [member]: async () => new Promise<never>(() => {}) } : {},
      },
      'a call to a target that hangs ends with its signal, and says that nobody knows',
    ],
  ),
  ...(['disable', 'enable', 'raise'] as const).map(
    (member): Planted => [
      `takes ${member} for done where nobody answers`,
      {
        connection: (_sound, { line }) => (line === 'away' ? { [member]: async () => ({ endedSessions: 0 }) } : {}),
      },
      'a target that does not answer is unknown, never refused',
    ],
  ),
  ...(['disable', 'destroy'] as const).map(
    (member): Planted => [
      `takes ${member} for done where it was refused`,
      {
        connection: (_sound, { line }) =>
          line === 'authority' ? { [member]: async () => ({ endedSessions: 0 }) } : {},
      },
      'a target that refuses us is rejected by authority, and says nothing of the credential',
    ],
  ),
  [
    'sees nothing where it was refused the look',
    { connection: (_sound, { line }) => (line === 'authority' ? { list: async () => [] } : {}) },
    'a target that refuses us is rejected by authority, and says nothing of the credential',
  ],
];
