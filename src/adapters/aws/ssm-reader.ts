import { GetParameterCommand } from '@aws-sdk/client-ssm';
import { keyturnError } from '../../core/errors.js';
import { Secret } from '../../core/secret.js';
import { type SsmPlace, ssmClients } from './ssm-client.js';
import { isAbsent } from './ssm-failure.js';

/** One parameter, read as its consumers read it: nothing of a rotation is known here. */
export interface SsmReader {
  /**
   * By label or number. *Returns* null where there is no such parameter, version or label. *Errors* those of the SDK, by
   * their names.
   */
  readonly read: (selector: string | number) => Promise<{ readonly version: number; readonly value: Secret } | null>;
  /** *Repeat*: harmless. */
  readonly close: () => Promise<void>;
}

/** Opens it. */
export function ssmReader({ name, ...place }: SsmPlace & { readonly name: string }): SsmReader {
  const { reads, close } = ssmClients(place);
  return {
    read: async (selector) => {
      try {
        const asked = new GetParameterCommand({ Name: `${name}:${selector}`, WithDecryption: true });
        const { Parameter } = await reads.send(asked);
        if (Parameter?.Version === undefined || Parameter.Value === undefined) throw keyturnError('STORE_UNAVAILABLE');
        return { version: Parameter.Version, value: Secret.fromText(Parameter.Value) };
      } catch (thrown) {
        if (isAbsent(thrown)) return null;
        throw thrown;
      }
    },
    close: async () => close(),
  };
}
