import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { CachedReaderOptions } from '../consumer/cached-reader.js';

/** A parameter as the store answered it, in clear. */
export interface StoredParameter {
  readonly value: string;
  /** `SecureString`, `String`, `StringList`. */
  readonly type: string;
  /** Without version or label. */
  readonly name: string;
  readonly arn: string | undefined;
  readonly dataType: string | undefined;
  readonly lastModifiedMs: number | undefined;
}

/** Asks AWS, or a store that speaks like it. */
export interface ParameterSource {
  readonly read: CachedReaderOptions<StoredParameter>['read'];
  /** Ends its connections. *Repeat*: harmless. */
  close(): void;
}

function ignore(): void {
  // Requests and answers hold values: the SDK logs neither.
}

const silent = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

/**
 * Reads by the wire protocol of SSM, with the credentials that the AWS SDK finds in the environment.
 *
 * `endpoint` null: AWS, or what `AWS_ENDPOINT_URL_SSM` names. It tries once: whoever asks knows better when to ask again,
 * and counts what is asked.
 */
export function parametersOfSsm({ endpoint, region }: SsmSource): ParameterSource {
  const client = new SSMClient({
    ...(endpoint === null ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
    maxAttempts: 1,
    logger: silent,
    requestHandler: { logger: silent },
  });
  return {
    read: async (name, { signal }) => {
      const command = new GetParameterCommand({ Name: name, WithDecryption: true });
      const { Parameter: found } = await client.send(command, { abortSignal: signal });
      if (found?.Value === undefined) return { value: undefined, version: undefined };
      return {
        value: Object.freeze({
          value: found.Value,
          type: found.Type ?? 'String',
          name: found.Name ?? name.replace(/:[^/:]*$/, ''),
          arn: found.ARN,
          dataType: found.DataType,
          lastModifiedMs: found.LastModifiedDate?.getTime(),
        }),
        version: found.Version,
      };
    },
    close: () => client.destroy(),
  };
}

/** Where parameters are. */
export interface SsmSource {
  readonly endpoint: string | null;
  /** Null: as the AWS SDK finds it. */
  readonly region: string | null;
}
