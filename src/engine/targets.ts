import { CONTRACT, type Connection, type Rotator, type RotatorLog } from '../contract/rotator.js';
import type { Credential } from '../core/credential.js';
import { isKeyturnError, keyturnError } from '../core/errors.js';
import type { EndpointAnswer } from '../core/observation.js';
import type { Plan } from '../core/plan.js';
import { Scrubber } from '../core/scrub.js';
import { isSecret, sameSecret } from '../core/secret.js';
import type { Bound, Scope, TargetPort } from '../ports/step-ports.js';
import { type ReportTarget, guardRotator } from './guard.js';

/** What opening a target needs. */
export interface TargetsOptions {
  /** The rotators that this worker has loaded. */
  readonly rotators: readonly Rotator[];
  /** What a person imports or names to have this rotator. Undefined: not known, for a journal holds names alone. */
  readonly importOf?: (rotator: string) => string | undefined;
  /**
   * Puts secrets in the place of the references in a plan's settings. `own`: what stands for the plan's very own secret
   * where they name that; default: what `current` is on. *Errors* `REFERENCE_UNRESOLVED`, and those of the store.
   */
  readonly resolve: (plan: Plan, own?: Credential) => Promise<ResolvedSettings>;
  readonly log: RotatorLog;
  readonly report: ReportTarget;
  /** Learns every value that passes, and is what the log is scrubbed with. Default: one that nobody else asks. */
  readonly scrubber?: Scrubber;
}

/** See {@link TargetsOptions}. */
export interface ResolvedSettings {
  readonly settings: unknown;
  /** The identity of the plan's very own secret, where its target is opened with that; null: it is opened with another. */
  readonly admin: string | null;
}

/** All targets of this worker behind one port, and the end of them. */
export interface Targets {
  readonly port: Bound<TargetPort>;
  close(): Promise<void>;
}

interface Opened extends ResolvedSettings {
  readonly connection: Connection;
  readonly port: Bound<TargetPort>;
}

interface Kept {
  readonly opening: Promise<Opened>;
  /** For which look of which executor its settings were read last. */
  readonly look: string;
}

/** Connections that are kept open for the next rotation of the same secret. */
const MAX_OPEN = 32;

/**
 * Opens the rotator of a rotation's snapshot when it is first asked, and keeps it for the next question. A changed
 * snapshot is another connection, and so is a secret that was changed where a reference leads: references are read anew
 * for every try of a step, because an admin credential that is put right must not wait for a worker that is started anew.
 *
 * *Errors* `UNKNOWN_ROTATOR` where it is not loaded, `CONTRACT_MISMATCH`, `CONFIG_INVALID` for a snapshot it refuses.
 */
export function openTargets(given: TargetsOptions): Targets {
  const options = { ...given, scrubber: given.scrubber ?? new Scrubber() };
  const opened = new Map<string, Kept>();
  const find = async (scope: Scope): Promise<Opened> => {
    const { plan, fence, step, attempt } = scope;
    const key = JSON.stringify([plan.secret, plan.rotator, plan.config]);
    const look = JSON.stringify([plan.rotationId, fence, step, attempt]);
    const found = opened.get(key);
    let kept = found;
    if (kept?.look !== look) {
      const opening = kept === undefined ? open(scope, options) : openAnew(kept.opening, scope, options);
      kept = { opening, look };
      // A failure is not kept: the variable or file it lacked may be there the next time.
      opening.catch(() => opened.get(key)?.opening === opening && opened.delete(key));
    }
    if (found === undefined) await evictOldest(opened);
    // The one that was asked last is evicted last.
    opened.delete(key);
    opened.set(key, kept);
    return kept.opening;
  };
  return {
    port: routed(find, options),
    close: async () => {
      const all = [...opened.values()];
      opened.clear();
      await Promise.allSettled(all.map(async ({ opening }) => (await opening).connection.close()));
      options.scrubber.forget();
    },
  };
}

function routed(find: (scope: Scope) => Promise<Opened>, options: Options): Bound<TargetPort> {
  const port = async (scope: Scope): Promise<Bound<TargetPort>> => (await find(scope)).port;
  return {
    preflight: async (scope, current) => (await port(scope)).preflight(scope, current),
    identify: async (scope) => (await port(scope)).identify(scope),
    propose: async (scope, current) => (await port(scope)).propose(scope, current),
    create: async (scope, proposal) => (await port(scope)).create(scope, proposal),
    probe: async (scope, credential) => (await port(scope)).probe(scope, credential),
    verify: async (scope, credential) => {
      const opened = await find(scope);
      const answers = await opened.port.verify(scope, credential);
      return opened.admin === null ? answers : [...answers, await askAsAdmin(scope, credential, options)];
    },
    usage: async (scope, identity) => (await port(scope)).usage(scope, identity),
    refusedLogins: async (scope, identity, mark) => (await port(scope)).refusedLogins(scope, identity, mark),
    raise: async (scope) => (await port(scope)).raise(scope),
    disable: async (scope, identity) => withoutIt(await find(scope), scope, identity).disable(scope, identity),
    enable: async (scope, identity) => (await port(scope)).enable(scope, identity),
    destroy: async (scope, identity, provenance) =>
      withoutIt(await find(scope), scope, identity).destroy(scope, identity, provenance),
    list: async (scope) => (await port(scope)).list(scope),
  };
}

/** A target's admin credential is switched off by another one: by then that has logged in, and may do what is to be done. */
function withoutIt({ port, admin }: Opened, { plan }: Scope, identity: string): Bound<TargetPort> {
  if (admin !== identity) return port;
  throw keyturnError('ADMIN_IN_USE', { identity, target: plan.target, secret: plan.path });
}

/** Opens the target with the credential that is to become its admin's, and looks around. */
async function askAsAdmin(scope: Scope, credential: Credential, options: Options): Promise<EndpointAnswer> {
  const endpoint = `${scope.plan.target} as its admin`;
  const { connection, port } = await openWith(scope.plan, await options.resolve(scope.plan, credential), options);
  try {
    await port.list(scope);
    return { endpoint, answer: 'accepted' };
  } catch (error) {
    if (!isKeyturnError(error) || !['ADMIN_REFUSED', 'PRIVILEGE_MISSING'].includes(error.code)) throw error;
    return { endpoint, answer: 'refused', reason: `${error.code} when it looked for what carries our tag` };
  } finally {
    await connection.close().catch(() => undefined);
  }
}

type Options = TargetsOptions & { readonly scrubber: Scrubber };

async function open({ plan }: Scope, options: Options): Promise<Opened> {
  return openWith(plan, await options.resolve(plan), options);
}

/**
 * A reference that leads nowhere just now says nothing: what was read before is good until the target refuses it. Except
 * where it is this secret's own: which of the two credentials is `current` then decides which may be switched off.
 */
async function openAnew(opening: Promise<Opened>, { plan }: Scope, options: Options): Promise<Opened> {
  const before = await opening;
  const resolved = await options.resolve(plan).catch((error: unknown) => {
    if (before.admin !== null) throw error;
    return before;
  });
  if (isSame(before.settings, resolved.settings)) return before;
  try {
    return await openWith(plan, resolved, options);
  } finally {
    await before.connection.close().catch(() => undefined);
  }
}

function isSame(one: unknown, other: unknown): boolean {
  if (isSecret(one) && isSecret(other)) return sameSecret(one, other);
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other;
  const [left, right] = [new Map(Object.entries(one)), new Map(Object.entries(other))];
  return left.size === right.size && [...left].every(([name, value]) => isSame(value, right.get(name)));
}

async function openWith(
  plan: Plan,
  { settings, admin }: ResolvedSettings,
  { rotators, importOf, log, report, scrubber }: Options,
): Promise<Opened> {
  const rotator = rotators.find((each) => each.name === plan.rotator);
  if (rotator === undefined) {
    const missing = importOf?.(plan.rotator) ?? `the package whose rotator is called ${plan.rotator}`;
    throw keyturnError('UNKNOWN_ROTATOR', { rotator: plan.rotator, import: missing, rotation: plan.rotationId });
  }
  if (rotator.contract !== CONTRACT) {
    throw keyturnError('CONTRACT_MISMATCH', { rotator: rotator.name, contract: rotator.contract, spoken: CONTRACT });
  }
  const parsed = rotator.config.safeParse(settings);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => issue.path.join('.') || 'config').join(', ');
    throw keyturnError('CONFIG_INVALID', {
      file: `snapshot of ${plan.secret}`,
      count: parsed.error.issues.length,
      problems,
    });
  }
  const connection = rotator.connect(parsed.data);
  const port = guardRotator(rotator, connection, { config: parsed.data, log, report, scrubber });
  return { connection, port, settings, admin };
}

async function evictOldest(opened: Map<string, Kept>): Promise<void> {
  if (opened.size < MAX_OPEN) return;
  const [oldest] = opened;
  if (oldest === undefined) return;
  opened.delete(oldest[0]);
  await oldest[1].opening.then(({ connection }) => connection.close()).catch(() => undefined);
}
