import { CONTRACT, type Connection, type Rotator, type RotatorLog } from '../contract/rotator.js';
import { keyturnError } from '../core/errors.js';
import type { Json } from '../core/json.js';
import { Scrubber } from '../core/scrub.js';
import type { Bound, Scope, TargetPort } from '../ports/step-ports.js';
import { type ReportTarget, guardRotator } from './guard.js';

/** What opening a target needs. */
export interface TargetsOptions {
  /** The rotators that this worker has loaded. */
  readonly rotators: readonly Rotator[];
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
}

/** Connections that are kept open for the next rotation of the same secret. */
const MAX_OPEN = 32;

/**
 * Opens the rotator of a rotation's snapshot when it is first asked, and keeps it for the next question. A changed
 * snapshot is another connection.
 *
 * *Errors* `UNKNOWN_ROTATOR` where it is not loaded, `CONTRACT_MISMATCH`, `CONFIG_INVALID` for a snapshot it refuses.
 */
export function openTargets(given: TargetsOptions): Targets {
  const options = { ...given, scrubber: given.scrubber ?? new Scrubber() };
  const opened = new Map<string, Promise<Opened>>();
  const find = async (scope: Scope): Promise<Bound<TargetPort>> => {
    const key = JSON.stringify([scope.plan.secret, scope.plan.rotator, scope.plan.config]);
    let found = opened.get(key);
    if (found === undefined) {
      found = open(scope, options);
      // A failure is not kept: the variable or file it lacked may be there the next time.
      found.catch(() => opened.delete(key));
      await evictOldest(opened);
    } else {
      opened.delete(key);
    }
    opened.set(key, found);
    return (await found).port;
  };
  return {
    port: routed(find),
    close: async () => {
      const all = [...opened.values()];
      opened.clear();
      await Promise.allSettled(all.map(async (each) => (await each).connection.close()));
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

async function open(
  { plan }: Scope,
  { rotators, resolve, log, report, scrubber }: TargetsOptions & { readonly scrubber: Scrubber },
): Promise<Opened> {
  const rotator = rotators.find((each) => each.name === plan.rotator);
  if (rotator === undefined)
    throw keyturnError('UNKNOWN_ROTATOR', { rotator: plan.rotator, rotation: plan.rotationId });
  if (rotator.contract !== CONTRACT) {
    throw keyturnError('CONTRACT_MISMATCH', { rotator: rotator.name, contract: rotator.contract, spoken: CONTRACT });
  }
  const parsed = rotator.config.safeParse(await resolve(plan.config));
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => issue.path.join('.') || 'config').join(', ');
    throw keyturnError('CONFIG_INVALID', {
      file: `snapshot of ${plan.secret}`,
      count: parsed.error.issues.length,
      problems,
    });
  }
  const connection = rotator.connect(parsed.data);
  return { connection, port: guardRotator(rotator, connection, { config: parsed.data, log, report, scrubber }) };
}

async function evictOldest(opened: Map<string, Promise<Opened>>): Promise<void> {
  if (opened.size < MAX_OPEN) return;
  const [oldest] = opened;
  if (oldest === undefined) return;
  opened.delete(oldest[0]);
  await oldest[1].then(({ connection }) => connection.close()).catch(() => undefined);
}
