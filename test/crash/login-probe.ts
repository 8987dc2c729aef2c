import { setTimeout as delay } from 'node:timers/promises';
import type { CrashSecret } from './installation.js';
import type { Rig } from './rig.js';
import { credentialIn } from './target.js';

/** What a probe has seen so far. */
export interface Logins {
  readonly accepted: number;
  /** A sentence for each login that a consumer would have seen refused: I1. */
  readonly refused: readonly string[];
  /** Questions that nobody answered, because what should have was down. */
  readonly unanswered: number;
}

/** Logs in with what `current` names, one secret after the other, until it is stopped. */
export interface LoginProbe {
  readonly seen: () => Logins;
  /** *Returns* what it saw. *Repeat*: harmless. */
  readonly stop: () => Promise<Logins>;
}

/** So that it leaves the machine to others as well. Milliseconds. */
const pauseMs = 20;

/** Starts it. A secret that is changed in place is left out: its gap is declared. */
export function probeLogins(rig: Rig): LoginProbe {
  const secrets = rig.installation.secrets.filter(({ kind }) => kind !== 'in-place');
  const refused: string[] = [];
  let [accepted, unanswered, isStopped] = [0, 0, false];
  const once = async (secret: CrashSecret): Promise<void> => {
    const named = await rig.store.readCurrent(secret.id);
    if (named === null) return void refused.push(`${secret.id}: \`current\` names nothing`);
    if (await rig.targets.accepts(secret.kind, credentialIn(named.value, secret))) {
      accepted += 1;
      return;
    }
    // Whoever is refused reads again: the label may have moved on between reading and logging in.
    const again = await rig.store.readCurrent(secret.id);
    if (again?.version === named.version) refused.push(`${secret.id}: version ${named.version} is refused`);
  };
  const run = async (): Promise<void> => {
    for (let turn = 0; !isStopped && secrets.length > 0; turn += 1) {
      await once(secrets[turn % secrets.length]!).catch(() => (unanswered += 1));
      await delay(pauseMs);
    }
  };
  const running = run();
  const seen = (): Logins => ({ accepted, refused, unanswered });
  return {
    seen,
    stop: async () => {
      isStopped = true;
      await running;
      return seen();
    },
  };
}
