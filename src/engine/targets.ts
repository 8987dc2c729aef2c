import { CONTRACT, type Connection, type Rotator, type RotatorLog } from '../contract/rotator.js';
import { keyturnError } from '../core/errors.js';
import type { Json } from '../core/json.js';
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
  /** Puts secrets in the place of references. *Errors* `REFERENCE_UNRESOLVED`. */
  readonly resolve: (config: Json) => Promise<unknown>;
  readonly log: RotatorLog;
  readonly report: ReportTarget;
  /** Learns every value that passes, and is what the log is scrubbed with. Default: one that nobody else asks. */
  readonly scrubber?: Scrubber;
}

/** All targets of this worker behind one port, and the end of them. */
export interface Targets {
  readonly port: Bound<TargetPort>;
  close(): Promise<void>;
}

interface Opened {
  readonly connection: Connection;
  readonly port: Bound<TargetPort>;
  /** The plan's settings with secrets in the place of references, as they were read. */
  readonly settings: unknown;
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
  const find = async (scope: Scope): Promise<Bound<TargetPort>> => {
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
    return (await kept.opening).port;
  };
  return {
    port: routed(find),
    close: async () => {
      const all = [...opened.values()];
      opened.clear();
      await Promise.allSettled(all.map(async ({ opening }) => (await opening).connection.close()));
      options.scrubber.forget();
    },
  };
}

function routed(find: (scope: Scope) => Promise<Bound<TargetPort>>): Bound<TargetPort> {
  return {
    preflight: async (scope, current) => (await find(scope)).preflight(scope, current),
    identify: async (scope) => (await find(scope)).identify(scope),
    propose: async (scope, current) => (await find(scope)).propose(scope, current),
    create: async (scope, proposal) => (await find(scope)).create(scope, proposal),
    probe: async (scope, credential) => (await find(scope)).probe(scope, credential),
    verify: async (scope, credential) => (await find(scope)).verify(scope, credential),
    usage: async (scope, identity) => (await find(scope)).usage(scope, identity),
    raise: async (scope) => (await find(scope)).raise(scope),
    disable: async (scope, identity) => (await find(scope)).disable(scope, identity),
    enable: async (scope, identity) => (await find(scope)).enable(scope, identity),
    destroy: async (scope, identity, provenance) => (await find(scope)).destroy(scope, identity, provenance),
    list: async (scope) => (await find(scope)).list(scope),
  };
}

type Options = TargetsOptions & { readonly scrubber: Scrubber };

async function open({ plan }: Scope, options: Options): Promise<Opened> {
  return openWith(plan, await options.resolve(plan.config), options);
}

/** A reference that leads nowhere just now says nothing: what was read before is good until the target refuses it. */
async function openAnew(opening: Promise<Opened>, { plan }: Scope, options: Options): Promise<Opened> {
  const before = await opening;
  const settings = await options.resolve(plan.config).catch(() => before.settings);
  if (isSame(before.settings, settings)) return before;
  try {
    return await openWith(plan, settings, options);
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
  plan: Scope['plan'],
  settings: unknown,
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
  return { connection, port, settings };
}

async function evictOldest(opened: Map<string, Kept>): Promise<void> {
  if (opened.size < MAX_OPEN) return;
  const [oldest] = opened;
  if (oldest === undefined) return;
  opened.delete(oldest[0]);
  await oldest[1].opening.then(({ connection }) => connection.close()).catch(() => undefined);
}
