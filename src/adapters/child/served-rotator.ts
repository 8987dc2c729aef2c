import { inspect } from 'node:util';
import {
  CONTRACT,
  type Connection,
  type Rotator,
  type RotatorContext,
  type RotatorLog,
} from '../../contract/rotator.js';
import { isKeyturnError } from '../../core/errors.js';
import type { Channel } from './channel.js';
import { type Member, type Request, type Settings, type WireError, maxLogFacts, requestSchema } from './messages.js';

/** Loads the module of a rotator: `import(entry)`. */
export type LoadModule = (entry: string) => Promise<unknown>;

/** Longer texts of a rotator are not passed on; names are shorter. Characters. */
const maxText = 4_000;
const maxName = 1_000;

/** A timer takes no longer time. Milliseconds. */
const longestTimeoutMs = 2_147_483_647;

/**
 * The side of the process: answers the worker's requests with what the rotator does. It holds one rotator, opened at most
 * once, and several calls at a time.
 *
 * *Returns* what takes a message. *Errors* it throws are messages of another shape: the process ends by them.
 */
export function serveRotator(channel: Pick<Channel, 'send'>, load: LoadModule): (message: unknown) => void {
  const calls = new Map<number, AbortController>();
  const log = logOver(channel);
  let loaded: Promise<Rotator> | undefined;
  let connection: Connection | undefined;
  const rotatorAt = (entry: string): Promise<Rotator> => (loaded ??= load(entry).then(rotatorOf));
  const carryOut = async (request: Answered): Promise<unknown> => {
    switch (request.kind) {
      case 'describe':
        return describe(await rotatorAt(request.entry), request.configs);
      case 'open': {
        const rotator = await rotatorAt(request.entry);
        const parsed = rotator.config.safeParse(request.config);
        if (!parsed.success) return { kind: 'refused', problems: problemsOf(parsed.error.issues) };
        connection = rotator.connect(parsed.data);
        return { kind: 'opened' };
      }
      case 'call': {
        if (connection === undefined) throw new TypeError('it is not opened');
        const { member, args, ctx, id } = request;
        const { signal: aborted } = calls.get(id) ?? new AbortController();
        // The worker aborts at the deadline, unless it is paused itself: what is done after that is done behind the back of another.
        const late = AbortSignal.timeout(Math.min(Math.max(1, Math.ceil(ctx.deadlineMs)), longestTimeoutMs));
        const signal = AbortSignal.any([aborted, late]);
        const told: RotatorContext = { ...ctx, signal, log };
        // The worker is of the same version and gives the arguments in the order of the contract.
        const members = connection as unknown as Readonly<Record<Member, (...all: readonly unknown[]) => unknown>>;
        return members[member](...args, told);
      }
      default:
        return request satisfies never;
    }
  };
  const answer = async (request: Answered): Promise<void> => {
    const { id } = request;
    calls.set(id, new AbortController());
    try {
      channel.send({ kind: 'answered', id, answer: await carryOut(request) });
    } catch (thrown) {
      channel.send({ kind: 'threw', id, error: wireError(thrown, await loaded?.catch(() => undefined)) });
    } finally {
      calls.delete(id);
    }
  };
  const close = async (): Promise<void> => {
    try {
      await connection?.close();
    } finally {
      process.exit(0);
    }
  };
  return (message) => {
    const request = requestSchema.parse(message);
    if (request.kind === 'close') void close();
    else if (request.kind === 'abort') calls.get(request.id)?.abort();
    else void answer(request);
  };
}

type Answered = Exclude<Request, { readonly kind: 'abort' | 'close' }>;

/** The default export, which in a CommonJS package stands one level deeper. */
function rotatorOf(module: unknown): Rotator {
  const exported = (module as { readonly default?: unknown }).default;
  const found = isRotator(exported) ? exported : (exported as { readonly default?: unknown } | undefined)?.default;
  if (isRotator(found)) return found;
  throw new TypeError('its default export is not a rotator');
}

function isRotator(value: unknown): value is Rotator {
  return typeof value === 'object' && value !== null && 'contract' in value && 'connect' in value && 'config' in value;
}

function describe(rotator: Rotator, configs: readonly unknown[]): unknown {
  const { name, contract, credential } = rotator;
  const settings = contract === CONTRACT ? configs.map((config) => settingsOf(rotator, config)) : [];
  return { name, contract, credential: { identity: credential.identity, value: credential.value }, settings };
}

function settingsOf(rotator: Rotator, config: unknown): Settings {
  const parsed = rotator.config.safeParse(config);
  if (!parsed.success) return { kind: 'refused', problems: problemsOf(parsed.error.issues) };
  try {
    const { overlap, origin, fence, disable, usage, endsSessions, list, settleMs, ...rest } = rotator.capabilities(
      parsed.data,
    );
    const { exclusive, propagationMs, refusedLogins } = rest;
    const able = {
      ...{ overlap, origin, fence, disable, usage, endsSessions, list, settleMs },
      ...(exclusive === undefined ? {} : { exclusive }),
      ...(propagationMs === undefined ? {} : { propagationMs }),
      ...(refusedLogins === undefined ? {} : { refusedLogins }),
    };
    const warnings = [...(rotator.warnings?.(parsed.data) ?? [])];
    return { kind: 'taken', principal: rotator.principal(parsed.data), warnings, capabilities: able };
  } catch {
    return { kind: 'refused', problems: [{ path: [], message: 'the rotator cannot work with these settings' }] };
  }
}

/** By the fields that every schema library has in common with zod. */
function problemsOf(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): { path: (string | number)[]; message: string }[] {
  const problems = issues.slice(0, 100).map(({ path, message }) => ({
    path: path.map((key) => (typeof key === 'number' ? key : whole(key, maxName))),
    message: whole(message),
  }));
  return problems.length > 0 ? problems : [{ path: [], message: 'it was refused without a reason' }];
}

/** Only here is the error whole, so that here it is sorted. */
function wireError(thrown: unknown, rotator: Rotator | undefined): WireError {
  if (isKeyturnError(thrown)) {
    const facts = Object.entries(thrown.facts).map(([name, fact]) => [
      name,
      typeof fact === 'string' ? whole(fact) : fact,
    ]);
    return { kind: 'catalogue', code: thrown.code, facts: Object.fromEntries(facts) as Record<string, string> };
  }
  const { name, message, code } = partsOf(thrown);
  return { kind: 'unknown', name, message, code, classification: classify(rotator, thrown) };
}

function classify(
  rotator: Rotator | undefined,
  thrown: unknown,
): Extract<WireError, { kind: 'unknown' }>['classification'] {
  try {
    return rotator?.classify(thrown) ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

function partsOf(thrown: unknown): { readonly name: string; readonly message: string; readonly code: string | null } {
  if (!(thrown instanceof Error)) return { name: typeof thrown, message: '', code: null };
  const code: unknown = 'code' in thrown ? thrown.code : undefined;
  return {
    name: whole(thrown.name, maxName),
    message: whole(thrown.message),
    code: typeof code === 'string' ? whole(code, maxName) : null,
  };
}

/** What is not plain is put into words here: a secret prints as `[secret]`. */
function logOver(channel: Pick<Channel, 'send'>): RotatorLog {
  const inWords = (fact: unknown): unknown => {
    if (typeof fact === 'number' || typeof fact === 'boolean' || fact === null) return fact;
    return whole(typeof fact === 'string' ? fact : inspect(fact));
  };
  const tell =
    (level: 'debug' | 'warn'): RotatorLog['debug'] =>
    (facts, message) => {
      const told: Record<string, unknown> = {};
      for (const [name, fact] of Object.entries(facts).slice(0, maxLogFacts)) told[whole(name, 100)] = inWords(fact);
      channel.send({ kind: 'log', level, facts: told, message: whole(message) });
    };
  return { debug: tell('debug'), warn: tell('warn') };
}

/** Of a text that is cut off the worker's scrubber would not find a value that was cut in two: then nothing of it is told. */
function whole(text: unknown, maxCharacters = maxText): string {
  const all = String(text);
  return all.length <= maxCharacters ? all : `(a text of ${all.length} characters)`;
}
