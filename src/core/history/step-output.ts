import type { Tell } from './event-rules.js';
import { field, listIn, numberIn } from './journaled-value.js';
import type { Past, PastStep } from './past.js';
import { saidEverywhere } from './revoke-evidence.js';

/** Compares what a step hands on with what the journal says already. `past` is as it was before. */
export function judgeOutput(past: Past, step: PastStep, atMs: number, output: unknown, tell: Tell): void {
  const { name } = step.shape;
  if (step.shape.kind === 'gate') judgeLook(past, step, atMs, output, tell);
  switch (name) {
    case 'preflight':
      return judgePreflight(past, output, tell);
    case 'propose':
      if (!isName(field(output, 'identity'))) tell('A2', 'propose does not say what it proposed');
      return;
    case 'create':
      return judgeCreated(past, output, tell);
    case 'stage':
      if (!Number.isInteger(numberIn(output, 'version')) || !isName(field(output, 'digest')))
        tell('I15', 'stage does not say which version it put');
      else if (step.output !== undefined && numberIn(step.output, 'version') !== numberIn(output, 'version'))
        tell('I15', 'a second version was put');
      return;
    case 'canary':
      if (!(numberIn(output, 'verifiedMs') >= step.openedMs - past.slackMs))
        tell('I1', 'the canary passed without a login of its time');
      return judgeChecked(past, output, tell);
    case 'swap':
      judgeCreated(past, output, tell);
      return judgePromoted(past, name, output, tell);
    case 'promote':
      return judgePromoted(past, name, output, tell);
    case 'disable':
      return judgeDisabled(past, output, tell);
    case 'destroy':
      return judgeDestroyed(past, output, tell);
    default:
  }
}

/** What a gate saw it saw before it was written down. */
export function judgeLook(past: Past, step: PastStep, atMs: number, facts: unknown, tell: Tell): void {
  const seenMs = Math.max(numberOr0(facts, 'atMs'), numberOr0(facts, 'verifiedMs'));
  if (seenMs > atMs + past.slackMs) tell('I2', `${step.shape.name} saw the future`);
}

function judgePreflight(past: Past, output: unknown, tell: Tell): void {
  const old = field(output, 'old');
  const isSaid =
    isName(field(output, 'system')) &&
    (old === null ||
      (isName(field(old, 'identity')) && isName(field(old, 'digest')) && Number.isInteger(numberIn(old, 'version'))));
  if (!isSaid) return tell('I2', 'preflight does not say what it saw');
  if (old !== null && field(old, 'accepted') !== true && !past.plan.repair)
    tell('I1', 'it goes on from a credential that is refused');
}

/** Each check that was planned was good at the very look by which the canary passed. */
function judgeChecked(past: Past, output: unknown, tell: Tell): void {
  for (const check of listIn(past.plan, 'checks')) {
    const name = field(check, 'name');
    const said = listIn(output, 'checks').filter((each) => field(each, 'check') === name);
    const isGood = (each: unknown): boolean =>
      field(each, 'answer') === 'good' && numberIn(each, 'atMs') === numberIn(output, 'verifiedMs');
    if (said.length === 0 || !said.every(isGood))
      tell('I1', `the canary passed and its check ${String(name)} was not good`);
  }
}

/** Where both live, what is made is not what will be destroyed; and where the value is ours, so is the identity. */
function judgeCreated(past: Past, output: unknown, tell: Tell): void {
  const { overlap, origin } = past.plan.capabilities;
  const identity = field(output, 'identity');
  if (!isName(identity)) return tell('A2', 'create does not say what it made');
  if (origin === 'ours' && identity !== field(past.output('propose'), 'identity'))
    tell('I5', 'what was made is not what was proposed');
  if (overlap === 'two-live' && identity === field(oldOf(past), 'identity'))
    tell('I3', 'what was made is the old credential');
}

function judgePromoted(past: Past, name: string, output: unknown, tell: Tell): void {
  const old = oldOf(past);
  if (numberIn(output, 'to') !== numberIn(past.output('stage'), 'version'))
    tell('I1', `${name} moved \`current\` to what was not staged`);
  if (field(output, 'from') !== (old === null ? null : field(old, 'version')))
    tell('I13', `${name} moved \`current\` from where preflight had not seen it`);
}

/** Switched off, or the one reason there may be why not. */
function judgeDisabled(past: Past, output: unknown, tell: Tell): void {
  const { disable } = past.plan.capabilities;
  const expected = oldOf(past) === null ? 'no old credential' : disable ? null : 'the target cannot disable';
  if (field(output, 'skipped') !== expected) tell('I2', 'disable does not say what became of the old credential');
}

function judgeDestroyed(past: Past, output: unknown, tell: Tell): void {
  const old = oldOf(past);
  if (!Array.isArray(field(output, 'proof'))) tell('I4', 'destroy does not say what became of the old credential');
  if (old === null) return;
  if (!saidEverywhere(listIn(output, 'proof'), ['refused', 'absent']))
    tell('I4', 'destroy ends without proof that the old credential is dead');
  const isOurs = isName(field(old, 'createdBy')) || past.plan.adopted || past.plan.capabilities.overlap === 'one-live';
  if (!isOurs) tell('I13', 'destroy removed what no rotation had made and nobody had said to be ours');
}

function oldOf(past: Past): unknown {
  return field(past.output('preflight'), 'old');
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function numberOr0(value: unknown, name: string): number {
  const found = numberIn(value, name);
  return Number.isNaN(found) ? 0 : found;
}
