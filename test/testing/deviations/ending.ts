import { keyturnError } from 'keyturn/rotator';
import type { SoundTarget } from '../sound-rotator.js';
import { textOf } from './planted.js';
import type { Planted } from './planted.js';

/** What a rotator believes to be gone from a target, in whichever of its connections. */
const believedGone = new WeakMap<SoundTarget, Set<string>>();

function goneFrom(target: SoundTarget): Set<string> {
  const gone = believedGone.get(target) ?? new Set();
  believedGone.set(target, gone);
  return gone;
}

/** Stubs that go wrong where a credential is switched off or ends. */
export const endingDeviations: readonly Planted[] = [
  [
    'destroys whatever it is told to',
    {
      connection: (_sound, { target }) => ({
        destroy: async (identity) => void target.entries().delete(identity),
      }),
    },
    'destroying what carries another tag is refused',
    'destroying what somebody else made is refused, and leaves it where it is',
    'once the fence is raised, an older epoch changes nothing',
    'a target that does not answer is unknown, never refused',
  ],
  [
    'destroys what somebody else made, and denies it',
    {
      connection: (sound, { target }) => ({
        destroy: async (identity, provenance, ctx) => {
          if (target.entries().get(identity)?.tag === null) {
            target.entries().delete(identity);
            throw keyturnError('NOT_OURS', { identity });
          }
          return sound.destroy(identity, provenance, ctx);
        },
      }),
    },
    'destroying what somebody else made is refused, and leaves it where it is',
  ],
  [
    'leaves the sessions of what it switched off',
    {
      connection: (sound, { target }) => ({
        disable: async (identity, ctx) => {
          const sessions = target.entries().get(identity)?.sessions;
          const kept = [...(sessions ?? [])];
          sessions?.clear();
          const answer = await sound.disable(identity, ctx);
          for (const session of kept) sessions?.add(session);
          return answer;
        },
      }),
    },
    'switching off ends the sessions, those of the other credential excepted',
  ],
  [
    'verifies from memory what was accepted once',
    {
      connection: (sound) => {
        const accepted = new Set<string>();
        return {
          verify: async (credential, ctx) => {
            const answers = await sound.verify(credential, ctx);
            if (answers.some(({ answer }) => answer === 'accepted')) accepted.add(textOf(credential.value));
            if (!accepted.has(textOf(credential.value))) return answers;
            return answers.map((each) => ({ ...each, answer: 'accepted' as const }));
          },
        };
      },
    },
    'undone, the first credential is refused, and undoing it again succeeds',
    'switched off it is refused, switched on it is accepted, each as often as one likes',
  ],
  [
    'takes it for gone because its own list no longer shows it',
    {
      connection: (sound, { target }) => {
        const gone = goneFrom(target);
        const ask =
          (member: 'probe' | 'verify'): typeof sound.probe =>
          async (credential, ctx) => {
            const answers = await sound[member](credential, ctx);
            return gone.has(credential.identity)
              ? answers.map((each) => ({ ...each, answer: 'absent' as const }))
              : answers;
          };
        return {
          probe: ask('probe'),
          verify: ask('verify'),
          list: async (ctx) => (await sound.list(ctx)).filter(({ identity }) => !gone.has(identity)),
          destroy: async (identity) => void gone.add(identity),
        };
      },
    },
    'the target itself lets in what was created, and turns away what was switched off or destroyed',
  ],
  [
    'takes what is gone for an error',
    {
      connection: (sound, { target }) => ({
        destroy: async (identity, provenance, ctx) => {
          if (!target.entries().has(identity)) throw keyturnError('NOT_OURS', { identity });
          return sound.destroy(identity, provenance, ctx);
        },
      }),
    },
    'destroying what was never made succeeds',
    'undone, the first credential is refused, and undoing it again succeeds',
    'a destroy whose answer was lost is repeated and succeeds',
    'destroys and probes of one credential at the same time end with it dead',
  ],
  [
    'ends nothing that carries no tag, whoever hands it over',
    {
      connection: (sound) => ({
        destroy: async (identity, provenance, ctx) => {
          if (provenance.createdBy === null) throw keyturnError('NOT_OURS', { identity });
          return sound.destroy(identity, provenance, ctx);
        },
      }),
    },
    'what was adopted is switched off and destroyed where nobody is said to have made it, and only there',
  ],
  [
    'does not switch on again',
    { connection: () => ({ enable: async () => {} }) },
    'switched off it is refused, switched on it is accepted, each as often as one likes',
  ],
  [
    'switches everything of ours off',
    {
      connection: (sound, { target }) => ({
        disable: async (identity, ctx) => {
          for (const entry of target.entries().values()) if (entry.tag !== null) entry.isOn = false;
          return sound.disable(identity, ctx);
        },
      }),
    },
    'switching the old one off leaves the new one accepted',
  ],
  [
    'ends no session, ever',
    {
      connection: (sound, { target }) => ({
        disable: async (identity, ctx) => {
          target.entries().get(identity)?.sessions.clear();
          return sound.disable(identity, ctx);
        },
      }),
    },
    'switching off ends the sessions, those of the other credential excepted',
    'once destroyed it is refused, and no session of it is left',
  ],
  [
    'destroys what is of another secret where the rotation fits',
    {
      connection: (sound, { target }) => ({
        destroy: async (identity, provenance, ctx) => {
          const tag = target.entries().get(identity)?.tag;
          if (tag?.rotation !== provenance.createdBy || tag.secret === ctx.secret) {
            return sound.destroy(identity, provenance, ctx);
          }
          target.entries().delete(identity);
        },
      }),
    },
    'destroying what carries another tag is refused',
  ],
];
