import type { Capabilities } from '../core/capabilities.js';
import type { ShapedSecret } from './schema.js';

/** What is wrong, and in which field of which consumer. */
export interface InstanceFault {
  readonly at: readonly [number, string];
  readonly sentence: string;
}

/** Says which consumers could never prove what is asked of their instances. */
export function instanceFaults(consumers: ShapedSecret['consumers']): readonly InstanceFault[] {
  return consumers.flatMap(({ instances, required, url, key }, index): readonly InstanceFault[] => {
    if (instances === undefined) return [];
    if (!required) {
      const sentence = 'nobody waits for a proof of it; leave instances out, or required: false';
      return [{ at: [index, 'instances'], sentence }];
    }
    if (instances === 'registered' && key === undefined) {
      const sentence = 'its instances sign with it that they are there; add key: env(…)';
      return [{ at: [index, 'key'], sentence }];
    }
    if (instances !== 'registered' && url === undefined) {
      const sentence = 'so many instances must be asked; add where they answer, such as https://web.internal/keyturn';
      return [{ at: [index, 'url'], sentence }];
    }
    return [];
  });
}

/** Says which consumers name sources that nobody would ever look at: who declares them relies on being heard. */
export function sourceFaults(
  consumers: ShapedSecret['consumers'],
  { refusedLogins = false, disable }: Pick<Capabilities, 'refusedLogins' | 'disable'>,
): readonly InstanceFault[] {
  if (refusedLogins && disable) return [];
  const sentence =
    'with these settings the rotator tells of no refused logins, so nothing would come of them; leave them out (postgres tells with refusedLogins: true)';
  return consumers.flatMap(({ sources }, index) =>
    sources === undefined ? [] : [{ at: [index, 'sources'], sentence }],
  );
}
