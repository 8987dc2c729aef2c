import { setTimeout as delay } from 'node:timers/promises';
import type { Credential } from '../../core/credential.js';
import type { RunningApp } from './app/start-app.js';
import type { Followed } from './follow-rotation.js';
import { login, tellLogin } from './login.js';
import { names } from './parts.js';
import type { DemoSeen } from './promises.js';
import type { DemoOptions, Stage } from './stage.js';
import { provedIn } from './waiting-lines.js';
import { until } from './waiting.js';

/** The application that rests while the others work. */
const resting = names.consumers.reports;

/** Lets it close its sessions and read nothing any more. */
export async function rest({ cast }: Stage, options: DemoOptions): Promise<void> {
  const app = cast.app('reports');
  app.rest();
  await usesVersion(`${resting} rests`, app, (version) => version === null, options);
}

/** It works again, with what `current` names by then. */
export async function wake({ cast }: Stage, options: DemoOptions): Promise<void> {
  const app = cast.app('reports');
  app.wake();
  await usesVersion(`${resting} works again`, app, (version) => version !== null, options);
}

/** What was seen when a person answered for it. */
export interface Waived {
  readonly toldOf: readonly string[];
  /** A login with the old value right before. */
  readonly oldLogin: Awaited<ReturnType<typeof login>>;
}

/** Longer than grace and quiet of the demo together: from then on nothing holds the old one but the missing proof. */
const overdueMs = 2_500;

/**
 * Waits until nobody but the one that rests is waited for; then a person answers for it. *Returns* null where it never came
 * to that.
 */
export async function waiveResting(
  stage: Stage,
  at: { readonly followed: Followed; readonly old: Credential; readonly note: (text: string) => void },
  options: DemoOptions,
): Promise<Waived | null> {
  const { followed, old, note } = at;
  const isAwaited = async (): Promise<boolean | undefined> =>
    waitsFor(followed) ? true : hasStopped(followed) ? false : undefined;
  if (!(await until(`drain waits for ${resting}`, isAwaited, options))) return null;
  const toldOf = await toldOfPromotion(stage, followed.rotationId, options);
  note(`told of the promotion by webhook: ${toldOf.join(', ')}`);
  await delay(overdueMs, undefined, { signal: options.signal }).catch(() => {});
  if (hasStopped(followed)) return null;
  const oldLogin = await login(stage.target, old);
  note(
    `${resting} rests and proves nothing, so the old one stays (a login: ${tellLogin(oldLogin)}); a person answers for it`,
  );
  const reason = 'it rests, and reads `current` when it wakes';
  note(`keyturn consumers waive ${followed.rotationId} ${resting} --reason '${reason}'`);
  await stage.state.waive({ rotationId: followed.rotationId, consumer: resting, reason });
  return { toldOf, oldLogin };
}

/** What all of that came to, once the rotation has ended. */
export async function judgeWaived(
  { state }: Stage,
  { toldOf, oldLogin }: Waived,
  { rotationId, events }: Followed,
): Promise<NonNullable<DemoSeen['waived']>> {
  const waiver = (await state.views.waivers(rotationId)).find(({ consumer }) => consumer === resting);
  const drained = events.find(({ event }) => event.kind === 'StepDone' && event.step === 'drain');
  return {
    consumer: resting,
    toldOf,
    proved: drained?.event.kind === 'StepDone' ? provedIn(drained.event.output) : [],
    heldBack: oldLogin === 'accepted' && drained !== undefined && waiver !== undefined && drained.atMs > waiver.atMs,
  };
}

/** True where the last thing its drain said is that it waits for the one that rests. */
function waitsFor({ events }: Followed): boolean {
  const last = events.findLast(({ event }) => event.kind === 'GateWaiting')?.event;
  return last?.kind === 'GateWaiting' && last.step === 'drain' && last.why.startsWith(`no proof from ${resting}`);
}

/** True where it has ended, or waits for a person. */
function hasStopped({ events }: Followed): boolean {
  const last = events.at(-1)?.event.kind;
  return last === 'Parked' || last === 'RotationClosed';
}

/** How long it may take until everybody has heard of it. */
const maxToldMs = 20_000;

/** Waits until every application has been told that `current` has moved. *Returns* the names of those that were. */
async function toldOfPromotion({ state }: Stage, rotationId: string, options: DemoOptions): Promise<readonly string[]> {
  const everybody = Object.values(names.consumers);
  let told: readonly string[] = [];
  const areAllTold = async (): Promise<true | undefined> => {
    const webhooks = await state.webhooks(rotationId);
    const arrived = webhooks.filter(({ type, delivered }) => type === 'rotation.promoted' && delivered);
    told = everybody.filter((name) => arrived.some(({ consumer }) => consumer === name));
    return told.length === everybody.length ? true : undefined;
  };
  // Who was not told is a broken promise, and no reason to break off.
  await until('every application is told', areAllTold, { ...options, everyMs: 100, maxMs: maxToldMs }).catch(
    (error: unknown) => {
      if (options.signal.aborted) throw error;
    },
  );
  return told;
}

async function usesVersion(
  what: string,
  app: RunningApp,
  holds: (version: number | null) => boolean,
  options: DemoOptions,
): Promise<void> {
  await until(what, async () => (holds(app.counters().version) || !app.isRunning() ? true : undefined), options);
}
