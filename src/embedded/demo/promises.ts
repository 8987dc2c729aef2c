import type { AppCounters } from './app/app-protocol.js';
import type { LoginAnswer } from './login.js';
import { names } from './parts.js';
import type { ProbeSeen } from './probe.js';

/** The least that the applications do together. */
export const least = { queries: 1_000, freshLogins: 100 } as const;

/** What a rotation was for. */
export type Act = 'first' | 'under-load' | 'worker-killed' | 'canary-refused';

/** One rotation, as the demo saw it end. */
export interface RotationSeen {
  readonly act: Act;
  readonly rotationId: string;
  readonly status: string;
  /** Why it turned back; null: it did not. */
  readonly code: string | null;
  readonly tookMs: number;
  readonly steps: readonly { readonly step: string; readonly atMs: number; readonly direction: 'done' | 'undone' }[];
}

/** Everything the demo saw. Times are milliseconds. */
export interface DemoSeen {
  readonly rotations: readonly RotationSeen[];
  /** The worker that held the lease and was killed, and who finished its rotation. */
  readonly kill: { readonly holder: string; readonly finishedBy: string; readonly takenOverAfterMs: number } | null;
  readonly app: AppCounters;
  /** False where its process died. */
  readonly appFinished: boolean;
  readonly probe: ProbeSeen;
  /** A login from outside the workers with the old value of each finished rotation. */
  readonly oldLogins: readonly { readonly rotationId: string; readonly answer: LoginAnswer }[];
  readonly rolledBack: {
    /** A login with the new value of the rotation that was rolled back; null: its value was never seen. */
    readonly newLogin: LoginAnswer | null;
    /** The versions `current` named meanwhile, by every look of the probe. */
    readonly versions: readonly (number | null)[];
    /** Moves of `current` that the store wrote down for it. */
    readonly moves: number;
  } | null;
  /** The application that rested while a rotation went on; null: nobody saw it. */
  readonly waived: {
    readonly consumer: string;
    /** Who had come to hear of the promotion. */
    readonly toldOf: readonly string[];
    /** Who had proved when drain ended. */
    readonly proved: readonly string[];
    /** The old credential worked when grace and quiet were long over, and drain ended after the waiver. */
    readonly heldBack: boolean;
  } | null;
  readonly orphans: readonly string[];
  readonly paymentsFound: number;
  /** Processes and files that outlived the demo. */
  readonly remains: readonly string[];
}

/** One thing Keyturn, or the demo, promises, and whether it was so. */
export interface JudgedPromise {
  readonly promise: string;
  readonly kept: boolean;
  /** What was seen. */
  readonly seen: string;
}

/** The SQLSTATE of a refused password. */
const refusedPassword = '28P01';

/** True where the server turned the password away; a server that cannot be reached has refused nothing. */
export function isRefused(answer: LoginAnswer): boolean {
  return answer !== 'accepted' && answer.refused === refusedPassword;
}

/** Holds what was seen against what was promised. Pure. */
export function judgePromises(seen: DemoSeen): readonly JudgedPromise[] {
  const { app, probe, kill, rolledBack, waived } = seen;
  const endOf = (act: Act): string => {
    const found = seen.rotations.find((rotation) => rotation.act === act);
    return found === undefined ? 'there was none' : `${found.status}${found.code === null ? '' : ` (${found.code})`}`;
  };
  const finished = seen.rotations.filter(({ act, status }) => act !== 'first' && status === 'completed');
  const refused = seen.oldLogins.filter(({ answer }) => isRefused(answer));
  const others = Object.values(names.consumers).filter((name) => name !== waived?.consumer);
  const versions = rolledBack?.versions ?? [];
  return [
    {
      promise: 'the applications saw no refused login and no failed query',
      kept: app.failures === 0 && seen.appFinished,
      seen: `${seen.appFinished ? '' : 'one died; until then '}${app.failures} failure(s)${app.failedWith.length === 0 ? '' : `: ${app.failedWith.join('; ')}`}`,
    },
    {
      promise: `the applications were busy: at least ${least.queries} queries and ${least.freshLogins} fresh logins`,
      kept: app.queries >= least.queries && app.freshLogins >= least.freshLogins,
      seen: `${app.queries} queries, ${app.freshLogins} fresh logins`,
    },
    {
      promise: 'every payment the applications made is in their database',
      kept: app.payments > 0 && seen.paymentsFound === app.payments,
      seen: `${app.payments} made, ${seen.paymentsFound} found`,
    },
    {
      promise: 'at every look, what `current` named could log in',
      kept: probe.looks > 0 && probe.failures === 0,
      seen: `${probe.looks} looks, ${probe.failures} failure(s)${probe.failedWith.length === 0 ? '' : `: ${probe.failedWith.join('; ')}`}`,
    },
    {
      promise: 'a secret without a credential got its first',
      kept: endOf('first') === 'completed',
      seen: endOf('first'),
    },
    {
      promise: 'a rotation under load completed',
      kept: endOf('under-load') === 'completed',
      seen: endOf('under-load'),
    },
    {
      promise: 'every application was told of the promotion',
      kept: waived !== null && waived.toldOf.length === others.length + 1,
      seen: waived?.toldOf.join(', ') ?? 'nobody looked',
    },
    {
      promise: 'the old credential stayed until all had proved but one, and a person had answered for that one',
      kept: waived !== null && waived.heldBack && others.every((name) => waived.proved.includes(name)),
      seen: waived === null ? 'nobody looked' : `proved: ${waived.proved.join(', ')}; waived: ${waived.consumer}`,
    },
    {
      promise: 'a rotation whose worker was killed holding the lease was completed by another',
      kept: endOf('worker-killed') === 'completed' && kill !== null && kill.finishedBy !== kill.holder,
      seen:
        kill === null
          ? 'no worker was killed'
          : `${endOf('worker-killed')}, taken over after ${(kill.takenOverAfterMs / 1000).toFixed(1)} s`,
    },
    {
      promise: 'a rotation whose canary refused was rolled back',
      kept: endOf('canary-refused') === 'rolled_back (CANARY_REFUSED)',
      seen: endOf('canary-refused'),
    },
    {
      promise: 'the new credential of the rolled-back rotation is refused',
      kept: rolledBack !== null && rolledBack.newLogin !== null && isRefused(rolledBack.newLogin),
      seen: shown(rolledBack?.newLogin ?? null),
    },
    {
      promise: '`current` never moved during the rolled-back rotation',
      kept: rolledBack?.moves === 0 && versions.length === 1 && versions[0] !== null,
      seen: `${rolledBack?.moves ?? 'unknown'} moves, version(s) ${versions.join(', ')}`,
    },
    {
      promise: 'the old credential of every finished rotation is refused',
      kept: finished.length > 0 && refused.length === finished.length && refused.length === seen.oldLogins.length,
      seen: `${refused.length} of ${finished.length}: ${seen.oldLogins.map(({ answer }) => shown(answer)).join(', ')}`,
    },
    {
      promise: 'nothing can log in that `current` does not explain',
      kept: seen.orphans.length === 0,
      seen: seen.orphans.length === 0 ? 'no orphan' : seen.orphans.join(', '),
    },
    {
      promise: 'nothing is left running or on disk',
      kept: seen.remains.length === 0,
      seen: seen.remains.length === 0 ? 'nothing' : seen.remains.join(', '),
    },
  ];
}

function shown(answer: LoginAnswer | null): string {
  if (answer === null) return 'no login was made';
  return answer === 'accepted' ? 'accepted' : `refused with ${answer.refused}`;
}
