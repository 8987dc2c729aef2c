import type { ShapedSecret } from './schema.js';

/** What is wrong, and in which field of the secret. */
export interface CanaryFault {
  readonly at: readonly string[];
  readonly sentence: string;
}

/** Says what of a secret's canary could never do what it is written for: it would wait for what cannot come, or not at all. */
export function canaryFaults(
  { checks, consumers, policy }: Pick<ShapedSecret, 'checks' | 'consumers' | 'policy'>,
  workflow: string,
): readonly CanaryFault[] {
  const found: CanaryFault[] = [];
  if (checks.length > 0 && workflow === 'in-place-rotation')
    found.push({
      at: ['checks'],
      sentence: `${workflow} has no canary that soaks, so nobody would ask them; leave them out`,
    });
  else if (checks.length > 0 && (policy.soak ?? 0) === 0)
    found.push({
      at: ['checks'],
      sentence: "they are asked while the canary soaks; give policy a soak, such as soak: '5m'",
    });
  const declared = consumers.filter(({ canary }) => canary).length;
  const { canaries } = policy;
  if (canaries === undefined || canaries === 'all') return found;
  if (declared === 0)
    found.push({ at: ['policy', 'canaries'], sentence: 'no consumer goes first; say canary: true of those that do' });
  else if ('count' in canaries && canaries.count > declared)
    found.push({ at: ['policy', 'canaries', 'count'], sentence: `only ${declared} of the consumers say canary: true` });
  return found;
}
