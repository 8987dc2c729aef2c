import type { RotationEvent } from '../rotation-event.js';

// A journal that is to be judged may hold anything: nothing is believed of a value but what is asked here.

/** A field of what a journal gave back; undefined where there is none. */
export function field(value: unknown, ...names: readonly string[]): unknown {
  let found = value;
  for (const name of names) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  return found;
}

/** A number in it; `NaN`, which no comparison holds for, where there is none. */
export function numberIn(value: unknown, ...names: readonly string[]): number {
  const found = field(value, ...names);
  return typeof found === 'number' ? found : Number.NaN;
}

/** A list in it; empty where there is none. */
export function listIn(value: unknown, ...names: readonly string[]): readonly unknown[] {
  const found = field(value, ...names);
  return Array.isArray(found) ? found : [];
}

/** What every event of a kind carries. */
const carried: { readonly [Kind in RotationEvent['kind']]: Readonly<Record<string, string>> } = {
  RotationRequested: { plan: 'object' },
  StepIntended: { step: 'string', attempt: 'number' },
  StepDone: { step: 'string', tookMs: 'number' },
  StepFailed: { step: 'string', code: 'string', facts: 'object', certain: 'boolean' },
  GateOpened: { step: 'string' },
  GateWaiting: { step: 'string', why: 'string', againInMs: 'number' },
  GateReopened: { step: 'string', why: 'string' },
  FenceRaised: {},
  EraEntered: { era: 'number' },
  ValueReplaced: { step: 'string', code: 'string' },
  RollbackDecided: { code: 'string', facts: 'object' },
  DestroyDecided: {},
  TakeBackDecided: { step: 'string', gate: 'string', code: 'string', facts: 'object' },
  UndoIntended: { step: 'string', attempt: 'number' },
  UndoDone: { step: 'string', tookMs: 'number' },
  UndoFailed: { step: 'string', code: 'string', facts: 'object', certain: 'boolean' },
  Parked: { code: 'string', facts: 'object' },
  CommandTaken: { command: 'string', commandId: 'number', by: 'string', reason: 'string' },
  RotationClosed: { status: 'string' },
};

const planned: Readonly<Record<'string' | 'boolean', readonly string[]>> = {
  string: ['rotationId', 'environment', 'path', 'secret', 'target', 'rotator', 'principal', 'trigger', 'requestedBy'],
  boolean: ['repair', 'adopted'],
};

const flags = ['fence', 'disable', 'usage', 'endsSessions'];
const durations = ['graceMs', 'quietMs', 'maxSessionAgeMs', 'watchMs'];

/** Says why an event cannot be read as one, or `undefined` where it can. */
export function unreadable(event: unknown): string | undefined {
  const kind = field(event, 'kind');
  const fields =
    typeof kind === 'string' && Object.hasOwn(carried, kind) ? carried[kind as RotationEvent['kind']] : undefined;
  if (fields === undefined) return 'an event of no known kind';
  for (const [name, type] of Object.entries(fields)) {
    const value = field(event, name);
    if (typeof value !== type || value === null) return `${String(kind)} has no ${name}`;
  }
  return kind === 'RotationRequested' ? unreadablePlan(field(event, 'plan')) : undefined;
}

function unreadablePlan(plan: unknown): string | undefined {
  const broken =
    planned.string.find((name) => typeof field(plan, name) !== 'string') ??
    planned.boolean.find((name) => typeof field(plan, name) !== 'boolean') ??
    flags.find((name) => typeof field(plan, 'capabilities', name) !== 'boolean') ??
    durations.find((name) => !(numberIn(plan, 'policy', name) >= 0)) ??
    ['name', 'number'].find((name) => field(plan, 'workflow', name) === undefined);
  if (broken !== undefined) return `the plan has no ${broken}`;
  if (field(plan, 'secret') !== `${String(field(plan, 'environment'))}:${String(field(plan, 'path'))}`)
    return 'the plan names another secret than its environment and path';
  if (!['two-live', 'one-live'].includes(String(field(plan, 'capabilities', 'overlap'))))
    return 'the plan has no overlap';
  if (!['ours', 'provider'].includes(String(field(plan, 'capabilities', 'origin')))) return 'the plan has no origin';
  if (!(numberIn(plan, 'capabilities', 'settleMs') >= 0 && numberIn(plan, 'storeSettleMs') >= 0))
    return 'the plan has no time in which to settle';
  const consumers = field(plan, 'consumers');
  return Array.isArray(consumers) && consumers.every(isConsumer) ? undefined : 'the plan has no consumers';
}

function isConsumer(consumer: unknown): boolean {
  return (
    typeof field(consumer, 'name') === 'string' &&
    typeof field(consumer, 'required') === 'boolean' &&
    numberIn(consumer, 'cacheTtlMs') >= 0
  );
}
