import { type Credential, parseCredential } from '../../core/credential.js';
import type { RotationRow } from '../../ports/operations.js';
import type { VersionSelector } from '../../ports/step-ports.js';
import { type Followed, followRotation, isDone } from './follow-rotation.js';
import { killHolder, takenOver } from './kill-holder.js';
import { login, tellLogin } from './login.js';
import { names } from './parts.js';
import type { Act, DemoSeen, RotationSeen } from './promises.js';
import { countMovesOfCurrent } from './remains.js';
import { judgeWaived, rest, waiveResting, wake } from './resting.js';
import type { DemoOptions, Stage } from './stage.js';
import { until } from './waiting.js';

const fields = { identity: 'username', value: 'password' };

/** A rotation with everything it takes to look at it, while it goes on. */
interface Playing {
  readonly followed: Followed;
  readonly note: (text: string) => void;
  /** Waits for its end. */
  readonly end: () => Promise<RotationSeen>;
}

/** A secret without a version gets its first credential. */
export async function playFirst(stage: Stage, options: DemoOptions): Promise<RotationSeen> {
  options.narrator.heading('A first credential, for a secret that has none');
  return (await play(stage, options, { act: 'first', reason: 'the first credential' })).end();
}

/** See {@link playUnderLoad}. */
export interface Finished {
  readonly rotation: RotationSeen;
  readonly oldLogin: DemoSeen['oldLogins'][number];
}

/**
 * A whole rotation while the applications work, but for one that rests: it proves nothing, so the old credential stays
 * until a person answers for it. Then a login with the old value, from here; and the one that rested works on.
 */
export async function playUnderLoad(
  stage: Stage,
  options: DemoOptions,
): Promise<Finished & { readonly waived: DemoSeen['waived'] }> {
  options.narrator.heading('(a) A whole rotation, under load');
  await working(stage, options);
  const old = await credentialOf(stage, 'current');
  await rest(stage, options);
  const playing = await play(stage, options, { act: 'under-load', reason: 'to see it done' });
  const waived = await waiveResting(stage, { ...playing, old }, options);
  const rotation = await playing.end();
  const oldLogin = await tryOld(stage, playing, old);
  await wake(stage, options);
  playing.note('the one that rested wakes, and works with what `current` names');
  return { rotation, oldLogin, waived: waived && (await judgeWaived(stage, waived, playing.followed)) };
}

/** A rotation whose worker is killed while it holds the lease; another finishes it. */
export async function playKill(
  stage: Stage,
  options: DemoOptions,
): Promise<Finished & { readonly kill: NonNullable<DemoSeen['kill']> }> {
  const { state, store, workers } = stage;
  options.narrator.heading('(b) A rotation whose worker is killed half-way');
  const old = await credentialOf(stage, 'current');
  const playing = await play(stage, options, { act: 'worker-killed', reason: 'to see it survive' });
  const { rotationId } = playing.followed;
  const killed = await killHolder(state, workers, { rotationId, store, wait: options });
  const killedMs = performance.now();
  const { worker } = killed;
  playing.note(`worker ${worker.number} (process ${worker.pid}) holds the lease, and is killed with SIGKILL`);
  const finishedBy = await takenOver(state, killed, options);
  const takenOverAfterMs = Math.round(performance.now() - killedMs);
  const survivor = workers.holding(finishedBy);
  playing.note(
    `worker ${survivor?.number ?? '?'} took over, ${(takenOverAfterMs / 1000).toFixed(1)} s after the lease was left behind`,
  );
  const rotation = await playing.end();
  const oldLogin = await tryOld(stage, playing, old);
  const replacement = await workers.start(options);
  options.narrator.line(`worker ${replacement.number} (process ${replacement.pid}) takes the place of the dead one`);
  return { rotation, oldLogin, kill: { holder: worker.holder, finishedBy, takenOverAfterMs } };
}

/** A rotation whose canary refuses: it is rolled back, and the new value is refused. */
export async function playRefusal(
  stage: Stage,
  options: DemoOptions,
): Promise<{ readonly rotation: RotationSeen; readonly rolledBack: NonNullable<DemoSeen['rolledBack']> }> {
  const { cast, probe, server, store } = stage;
  options.narrator.heading('(c) A rotation whose canary refuses');
  const movesBefore = await countMovesOfCurrent(server.url, store);
  const versionsSince = probe.watchVersions();
  cast.app('next').refuseNextCanary();
  const playing = await play(stage, options, { act: 'canary-refused', reason: 'to see it turn back' });
  const rotation = await playing.end();
  const version = stagedVersion(playing.followed);
  const newLogin = version === null ? null : await login(stage.target, await credentialOf(stage, version));
  if (newLogin !== null) playing.note(`a login with the new value, from outside: ${tellLogin(newLogin)}`);
  const moves = (await countMovesOfCurrent(server.url, store)) - movesBefore;
  return { rotation, rolledBack: { newLogin, versions: versionsSince(), moves } };
}

/** Waits until the busy application has done something since the last look, with what it holds now. */
async function working({ cast }: Stage, options: DemoOptions): Promise<void> {
  const app = cast.app('app');
  const before = app.counters();
  await until(
    'the application works',
    async () => {
      const now = app.counters();
      return (now.queries - before.queries > 50 && now.freshLogins - before.freshLogins > 5) || !app.isRunning()
        ? true
        : undefined;
    },
    options,
  );
}

async function play(
  { state }: Stage,
  { narrator, signal }: DemoOptions,
  { act, reason }: { readonly act: Act; readonly reason: string },
): Promise<Playing> {
  const { show, note } = narrator.timeline(act !== 'first');
  const followed = followRotation(state.views, await state.rotate(reason), { signal, show });
  return { followed, note, end: async () => asSeen(act, followed, await followed.ended) };
}

function asSeen(act: Act, { rotationId, events }: Followed, row: RotationRow): RotationSeen {
  const startedMs = events[0]?.atMs ?? row.requestedAtMs;
  const steps = events.flatMap(({ event, atMs }) =>
    event.kind === 'StepDone' || event.kind === 'UndoDone'
      ? [
          {
            step: event.step,
            atMs: atMs - startedMs,
            direction: event.kind === 'StepDone' ? 'done' : 'undone',
          } as const,
        ]
      : [],
  );
  return {
    act,
    rotationId,
    status: row.status,
    code: row.code,
    tookMs: (row.closedAtMs ?? events.at(-1)?.atMs ?? startedMs) - startedMs,
    steps,
  };
}

async function credentialOf({ state }: Stage, selector: VersionSelector): Promise<Credential> {
  const found = await state.read(selector);
  if (found === null) throw new TypeError(`the store holds no version ${selector} of the demo's secret`);
  return parseCredential(found.value, fields, names.secret);
}

/** (d): the true old value, taken before the rotation began. */
async function tryOld(stage: Stage, { followed, note }: Playing, old: Credential): Promise<Finished['oldLogin']> {
  const answer = await login(stage.target, old);
  note(`(d) a login with the old value, from outside: ${tellLogin(answer)}`);
  return { rotationId: followed.rotationId, answer };
}

function stagedVersion({ events }: Followed): number | null {
  if (!isDone(events, 'stage')) return null;
  for (const { event } of events) {
    if (event.kind !== 'StepDone' || event.step !== 'stage') continue;
    const output: unknown = event.output;
    if (typeof output === 'object' && output !== null && 'version' in output && typeof output.version === 'number') {
      return output.version;
    }
  }
  return null;
}
