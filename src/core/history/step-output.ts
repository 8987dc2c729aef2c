import type { Tell } from './event-rules.js';
import { field, listIn, numberIn } from './journaled-value.js';
import type { Past, PastStep } from './past.js';
import { saidEverywhere } from './revoke-evidence.js';

/** Compares what a step hands on with what the journal says already. `past` is as it was before. */
export function wrongOutput(past: Past, step: PastStep, atMs: number, output: unknown, tell: Tell): void {
  const old = field(past.output('preflight'), 'old');
  switch (step.shape.name) {
    case 'preflight':
      if (field(output, 'old') === undefined || typeof field(output, 'system') !== 'string')
        tell('I2', 'preflight does not say what it saw');
      else if (field(output, 'old', 'accepted') === false && !past.plan.repair)
        tell('I1', 'it goes on from a credential that is refused');
      return;
    case 'stage':
      if (!Number.isInteger(numberIn(output, 'version'))) tell('I15', 'stage does not say which version it put');
      else if (step.output !== undefined && numberIn(step.output, 'version') !== numberIn(output, 'version'))
        tell('I15', 'a second version was put');
      return;
    case 'promote':
    case 'swap':
      if (numberIn(output, 'to') !== numberIn(past.output('stage'), 'version'))
        tell('I1', `${step.shape.name} moved \`current\` to what was not staged`);
      if (field(output, 'from') !== (old === null ? null : field(old, 'version')))
        tell('I13', `${step.shape.name} moved \`current\` from where preflight had not seen it`);
      return;
    case 'disable':
      if (field(output, 'skipped') === null && old === null) tell('I3', 'disable switched off what there was not');
      if (field(output, 'skipped') !== null && old !== null && past.plan.capabilities.disable)
        tell('I2', 'disable was skipped where it was possible');
      return;
    case 'destroy':
      if (old !== null && !saidEverywhere(listIn(output, 'proof'), ['refused', 'absent']))
        tell('I4', 'destroy ends without proof that the old credential is dead');
      return;
    default:
      // Evidence that a gate hands on was seen while it was open.
      if (step.shape.kind === 'gate' && numberIn(output, 'atMs') > atMs)
        tell('I2', `${step.shape.name} saw the future`);
  }
}
