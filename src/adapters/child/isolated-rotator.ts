import { resolve } from 'node:path';
import { z } from 'zod';
import type { Capabilities, Connection, Rotator, RotatorContext } from '../../contract/rotator.js';
import { keyturnError } from '../../core/errors.js';
import { isSecret } from '../../core/secret.js';
import type { Isolation } from '../../ports/isolation.js';
import { folderIntegrity } from './folder-integrity.js';
import { ThrownByRotator, endedError, thrownError, unfitAtStart } from './isolated-errors.js';
import { type Member, type Settings, answerSchemas, descriptionSchema, openedSchema } from './messages.js';
import { type Quarantine, openQuarantine } from './quarantine.js';
import { type RotatorChild, type ChildOptions, ChildEnded, ThrownInChild, startChild } from './rotator-child.js';
import { findRotatorPackage } from './rotator-package.js';

/** What isolated rotators have in common in one worker. */
export interface IsolatedOptions {
  /** The folder of the configuration. Absolute. */
  readonly from: string;
  /** The worker's environment. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** How long a process that is not asked lives on. Milliseconds. Default 30 s. */
  readonly idleMs?: number;
  /** How long a process has after an abort before it is killed. Milliseconds. Default 2 s. */
  readonly graceMs?: number;
  /** How long it may take to load and describe itself. Milliseconds. Default 20 s. */
  readonly describeMaxMs?: number;
  /** A clock that only goes forward. Milliseconds. */
  readonly nowMs?: () => number;
}

/** Crashes in a row after which a rotator is left alone, and for how long. */
const maxCrashes = 3;
const quarantineMs = 900_000;

/**
 * A rotator whose package only ever runs in processes of its own: this one reads the package's files and loads none of
 * them. `configs` are the settings it will be asked about, with something in the place of every secret; its process is
 * asked once for what it says of them.
 *
 * A connection has one process for each rotation, started by the rotation's first call, ended when it was not asked for
 * `idleMs`, and by `close`. Before each start the package is compared with its `integrity` again.
 *
 * *Errors* `ROTATOR_UNFIT`, `ROTATOR_INTEGRITY`. Calls give beside those of the rotator: `ROTATOR_CRASHED` and
 * `ROTATOR_ANSWER_INVALID`, after which the outcome is unknown; `ROTATOR_QUARANTINED`, `ROTATOR_INTEGRITY` and
 * `ROTATOR_UNFIT`, where nothing was asked.
 */
export async function openIsolatedRotator(
  isolation: Isolation,
  configs: readonly unknown[],
  options: IsolatedOptions,
): Promise<Rotator> {
  const start = async (log: ChildOptions['log']): Promise<{ readonly child: RotatorChild; readonly entry: string }> => {
    const { folder, entry } = await findRotatorPackage(isolation.package, options.from);
    const found = await folderIntegrity(folder);
    if (found !== isolation.integrity) {
      const { package: name, integrity: expected } = isolation;
      throw keyturnError('ROTATOR_INTEGRITY', { package: name, expected, found, folder });
    }
    const absolute = (path: string): string => resolve(options.from, path);
    const child = await startChild({
      folder,
      read: isolation.read.map(absolute),
      write: isolation.write.map(absolute),
      maxMemoryMb: isolation.maxMemoryMb,
      variables: chosen(options.variables, isolation.variables),
      graceMs: options.graceMs ?? 2_000,
      log,
    });
    return { child, entry };
  };
  const described = await describeIn(start, isolation, configs, options.describeMaxMs ?? 20_000);
  const known = new Map(configs.map((config, index) => [textOf(config), described.settings[index]]));
  const quarantine = openQuarantine({
    maxCrashes,
    lastsMs: quarantineMs,
    nowMs: options.nowMs ?? (() => performance.now()),
  });
  const taken = (config: unknown): Extract<Settings, { kind: 'taken' }> => {
    const settings = known.get(textOf(config));
    if (settings?.kind === 'taken') return settings;
    throw new TypeError('these settings were not shown to the rotator at start');
  };
  return {
    name: described.name,
    contract: described.contract,
    credential: described.credential,
    // Settings it was not shown, of a rotation that began before a change, are its process's to check.
    config: z.unknown().superRefine((config, ctx) => {
      const settings = known.get(textOf(config));
      if (settings?.kind !== 'refused') return;
      for (const { path, message } of settings.problems) ctx.addIssue({ code: 'custom', path, message });
    }),
    capabilities: (config): Capabilities => taken(config).capabilities,
    principal: (config) => taken(config).principal,
    warnings: (config) => taken(config).warnings,
    connect: (config) =>
      connectionOf({ start, config, quarantine, rotator: described.name, idleMs: options.idleMs ?? 30_000 }),
    classify: (error) => (error instanceof ThrownByRotator ? error.classification : 'unknown'),
  };
}

type Start = (log: ChildOptions['log']) => Promise<{ readonly child: RotatorChild; readonly entry: string }>;

async function describeIn(
  start: Start,
  { package: name }: Isolation,
  configs: readonly unknown[],
  deadlineMs: number,
): Promise<z.output<typeof descriptionSchema>> {
  // What it writes while it describes itself is shown to nobody: there is no call that it belongs to.
  const { child, entry } = await start(() => ({ debug: () => {}, warn: () => {} }));
  try {
    const answer = descriptionSchema.safeParse(
      await child.ask({ kind: 'describe', entry, configs: [...configs] }, { deadlineMs }),
    );
    if (answer.success) return answer.data;
    const [at] = answer.error.issues;
    throw unfitAtStart(name, `what it says of itself is not what the contract asks for (${at?.path.join('.') ?? ''})`);
  } catch (error) {
    throw unfitAtStart(name, error);
  } finally {
    await child.end();
  }
}

interface Opening {
  readonly start: Start;
  readonly config: unknown;
  readonly quarantine: Quarantine;
  readonly rotator: string;
  readonly idleMs: number;
}

/** The process of one rotation. */
interface Lodging {
  readonly child: Promise<RotatorChild>;
  /** Calls in hand. */
  busy: number;
  log: RotatorContext['log'];
  idle: NodeJS.Timeout | undefined;
}

function connectionOf({ start, config, quarantine, rotator, idleMs }: Opening): Connection {
  const lodgings = new Map<string, Lodging>();
  const counted = new WeakSet<ChildEnded>();
  const open = async (lodging: Pick<Lodging, 'log'>, ctx: RotatorContext): Promise<RotatorChild> => {
    const { child, entry } = await start(() => lodging.log);
    try {
      const opened = openedSchema.parse(await child.ask({ kind: 'open', entry, config }, ctx));
      if (opened.kind === 'opened') return child;
      const problems = opened.problems.map(({ path }) => path.join('.') || 'config').join(', ');
      throw keyturnError('CONFIG_INVALID', {
        file: `snapshot of ${ctx.secret}`,
        count: opened.problems.length,
        problems,
      });
    } catch (error) {
      await child.end();
      throw error;
    }
  };
  const lodgingFor = (ctx: RotatorContext): Lodging => {
    const found = lodgings.get(ctx.rotationId);
    if (found !== undefined) return Object.assign(found, { log: ctx.log });
    const made: { log: RotatorContext['log']; busy: number; idle: undefined } = {
      log: ctx.log,
      busy: 0,
      idle: undefined,
    };
    const lodging: Lodging = Object.assign(made, { child: open(made, ctx) });
    lodgings.set(ctx.rotationId, lodging);
    return lodging;
  };
  const forget = (rotationId: string, lodging: Lodging): void => {
    if (lodgings.get(rotationId) === lodging) lodgings.delete(rotationId);
  };
  const call = async <M extends Member>(
    member: M,
    args: readonly unknown[],
    ctx: RotatorContext,
  ): Promise<z.output<(typeof answerSchemas)[M]>> => {
    ctx.signal.throwIfAborted();
    quarantine.assertOver(rotator);
    const beganMs = performance.now();
    const lodging = lodgingFor(ctx);
    clearTimeout(lodging.idle);
    lodging.busy += 1;
    let [hasStarted, wasAsked] = [false, false];
    try {
      const child = await lodging.child;
      hasStarted = true;
      // It may have taken long to start; and one that ended since its last call has not been asked.
      ctx.signal.throwIfAborted();
      wasAsked = !child.hasEnded();
      // What it took to start is no longer there for the call.
      const deadlineMs = Math.max(1, Math.ceil(ctx.deadlineMs - (performance.now() - beganMs)));
      const told = plainContext({ ...ctx, deadlineMs });
      const asked = child.ask({ kind: 'call', member, args: [...args], ctx: told }, ctx);
      const answer = answerSchemas[member].safeParse(await asked);
      if (answer.success) return answer.data as z.output<(typeof answerSchemas)[M]>;
      const finding = answer.error.issues[0]?.path.join('.') || 'the whole of it';
      throw keyturnError('ROTATOR_ANSWER_INVALID', { rotator, call: member, finding });
    } catch (error) {
      if (error instanceof ThrownInChild) throw thrownError(error, rotator);
      // The next call tries another process.
      if (!hasStarted || error instanceof ChildEnded) forget(ctx.rotationId, lodging);
      if (!(error instanceof ChildEnded)) throw error;
      // Several calls may have waited for one process.
      if (!error.wasAsked && !counted.has(error)) quarantine.crashed();
      counted.add(error);
      throw endedError(error, { rotator, call: member, wasAsked });
    } finally {
      lodging.busy -= 1;
      if (lodging.busy === 0) {
        lodging.idle = setTimeout(() => {
          forget(ctx.rotationId, lodging);
          void endLodging(lodging, quarantine);
        }, idleMs);
        lodging.idle.unref();
      }
    }
  };
  return {
    preflight: (current, ctx) => call('preflight', [current], ctx),
    identify: (ctx) => call('identify', [], ctx),
    propose: (current, ctx) => call('propose', [current], ctx),
    create: (proposal, ctx) => call('create', [proposal], ctx),
    probe: (credential, ctx) => call('probe', [credential], ctx),
    verify: (credential, ctx) => call('verify', [credential], ctx),
    usage: (identity, ctx) => call('usage', [identity], ctx),
    refusedLogins: (identity, mark, ctx) => call('refusedLogins', [identity, mark], ctx),
    raise: (ctx) => call('raise', [], ctx),
    disable: (identity, ctx) => call('disable', [identity], ctx),
    enable: (identity, ctx) => call('enable', [identity], ctx),
    destroy: (identity, provenance, ctx) => call('destroy', [identity, provenance], ctx),
    list: (ctx) => call('list', [], ctx),
    close: async () => {
      const all = [...lodgings.values()];
      lodgings.clear();
      await Promise.all(all.map((lodging) => endLodging(lodging, quarantine)));
    },
  };
}

async function endLodging({ child, idle }: Lodging, quarantine: Quarantine): Promise<void> {
  clearTimeout(idle);
  const running = await child.catch(() => undefined);
  if (running === undefined || running.hasEnded()) return;
  if (await running.end()) quarantine.endedWell();
}

function plainContext({ rotationId, secret, step, attempt, fence, deadlineMs, databaseTimeMs }: RotatorContext) {
  const { era, epoch, known } = fence;
  return { rotationId, secret, step, attempt, fence: { era, epoch, known }, deadlineMs, databaseTimeMs };
}

/** Two settings that differ in the values of their secrets alone are the same: at start there are no values. */
function textOf(config: unknown): string {
  const plain = (value: unknown): unknown => {
    if (isSecret(value)) return '[secret]';
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(plain);
    return Object.entries(value).map(([key, item]): unknown => [key, plain(item)]);
  };
  return JSON.stringify(plain(config));
}

function chosen(
  variables: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = variables[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}
