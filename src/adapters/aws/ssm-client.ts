import { SSMClient, type SSMClientConfig } from '@aws-sdk/client-ssm';

/** Where the parameters are. */
export interface SsmPlace {
  /** `eu-central-1`. */
  readonly region: string;
  /** Null: that of the region. */
  readonly endpoint: string | null;
  /** Default: found by the SDK's own chain. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** The connections to a store. */
export interface SsmClients {
  readonly reads: SSMClient;
  /** Sends everything once. */
  readonly writes: SSMClient;
  /** How far the store's clock is ahead of this machine's, by its last answer. Milliseconds; null before the first. */
  readonly serverAheadMs: () => number | null;
  /** Lets go of its connections. *Repeat*: harmless. */
  readonly close: () => void;
}

/** How long one try may take, in milliseconds. Shorter than the deadline of a step's call. */
const connectMs = 2_000;
const tryMs = 5_000;

const silent = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

function ignore(): void {
  // Requests and answers hold values: the SDK logs neither.
}

/**
 * Clients that sign with the clock of this machine as it is. The SDK would otherwise move its clock to whatever date an
 * answer carries, and a request that was meant to die after five minutes would live on.
 */
export function ssmClients({ region, endpoint, credentials }: SsmPlace): SsmClients {
  let serverAheadMs: number | null = null;
  const common: SSMClientConfig = {
    region,
    ...(endpoint === null ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    disableClockSkewCorrection: true,
    logger: silent,
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: tryMs,
      throwOnRequestTimeout: true,
      logger: silent,
    },
  };
  const reads = new SSMClient({ ...common, maxAttempts: 3 });
  const writes = new SSMClient({ ...common, maxAttempts: 1 });
  for (const client of [reads, writes]) {
    client.middlewareStack.add(
      (next) => async (args) => {
        const answer = await next(args);
        const date = dateOf(answer.response);
        if (date !== undefined) serverAheadMs = date - Date.now();
        return answer;
      },
      { step: 'deserialize', priority: 'low', name: 'keyturnServerDate' },
    );
  }
  return {
    reads,
    writes,
    serverAheadMs: () => serverAheadMs,
    close: () => {
      reads.destroy();
      writes.destroy();
    },
  };
}

/** The SDK does not say what an answer is made of before it is read. */
function dateOf(response: unknown): number | undefined {
  const { headers } = response as { readonly headers?: Readonly<Record<string, string | undefined>> };
  const date = Date.parse(headers?.['date'] ?? '');
  return Number.isNaN(date) ? undefined : date;
}
