import { randomBytes } from 'node:crypto';
import { DeleteParametersCommand, SSMClient } from '@aws-sdk/client-ssm';
import { type ServedStoreOptions, servedStore } from '../../ssm-server/served-store.js';

/** A Parameter Store, for a suite that is to hold on any. Nothing in it belongs to an installation of ours. */
export interface SsmUnderTest {
  readonly endpoint: string;
  readonly region: string;
  /** Undefined: found by the SDK's own chain. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** The key of every SecureString. */
  readonly keyId: string;
  /** What the names of a suite begin with. */
  readonly prefix: string;
  /** A client that goes around everything that is tested: what an operator does by hand. */
  readonly byHand: SSMClient;
  /** Lets go of everything, the parameters named here included. */
  readonly close: (names?: readonly string[]) => Promise<void>;
}

/** The endpoint that KEYTURN_TEST_AWS_ENDPOINT names, with the credentials of the environment; without one, our own server. */
export const givenEndpoint = process.env['KEYTURN_TEST_AWS_ENDPOINT'];

/** Opens what is under test: see {@link givenEndpoint}. */
export async function ssmUnderTest(): Promise<SsmUnderTest> {
  return givenEndpoint === undefined ? ourServer() : atEndpoint(givenEndpoint);
}

/** The store of another installation, which stands for AWS: to it the secrets of the engine under test are any parameters. */
export async function ourServer(options: ServedStoreOptions = {}): Promise<SsmUnderTest> {
  const served = await servedStore(options);
  const credentials = await served.key();
  return {
    endpoint: served.serverUrl,
    region: 'eu-central-1',
    credentials,
    keyId: 'alias/keyturn',
    prefix: '',
    byHand: await served.client(credentials),
    close: () => served.close(),
  };
}

function atEndpoint(endpoint: string): SsmUnderTest {
  const region = process.env['AWS_REGION'] ?? 'us-east-1';
  const byHand = new SSMClient({ endpoint, region });
  return {
    endpoint,
    region,
    credentials: undefined,
    keyId: process.env['KEYTURN_TEST_AWS_KEY'] ?? 'alias/aws/ssm',
    prefix: `/keyturn-test/${randomBytes(6).toString('hex')}`,
    byHand,
    close: async (names = []) => {
      for (let at = 0; at < names.length; at += 10)
        await byHand.send(new DeleteParametersCommand({ Names: names.slice(at, at + 10) }));
      byHand.destroy();
    },
  };
}
