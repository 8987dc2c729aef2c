import { randomBytes } from 'node:crypto';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DeleteAliasCommand,
  DisableKeyCommand,
  KMSClient,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import { KmsDouble } from './kms-double.js';

/** A key service and keys in it, for a suite that is to hold on any. */
export interface KmsUnderTest {
  readonly endpoint: string;
  readonly region: string;
  /** The ARN of a new key. */
  readonly freshKey: () => Promise<string>;
  /** A new alias that leads to a key. */
  readonly freshAlias: (arn: string) => Promise<string>;
  readonly disable: (arn: string) => Promise<void>;
  readonly scheduleDeletion: (arn: string) => Promise<void>;
  /** Lets go of everything made in it. */
  readonly close: () => Promise<void>;
}

/** The endpoint that KEYTURN_TEST_AWS_ENDPOINT names, with the credentials of the environment; without one, the double. */
export const givenEndpoint = process.env['KEYTURN_TEST_AWS_ENDPOINT'];

/** Opens what is under test: see {@link givenEndpoint}. */
export async function kmsUnderTest(): Promise<KmsUnderTest> {
  return givenEndpoint === undefined ? inDouble(await KmsDouble.start()) : atEndpoint(givenEndpoint);
}

/** The double, as a suite for any key service sees it. Closing it closes the double. */
export function inDouble(double: KmsDouble): KmsUnderTest {
  const { endpoint, region, keys } = double;
  return {
    endpoint,
    region,
    freshKey: async () => keys.create(region),
    freshAlias: async (arn) => {
      const name = aliasName();
      keys.alias(name, arn);
      return name;
    },
    disable: async (arn) => keys.put(arn, 'Disabled'),
    scheduleDeletion: async (arn) => keys.put(arn, 'PendingDeletion'),
    close: () => double.close(),
  };
}

function atEndpoint(endpoint: string): KmsUnderTest {
  const region = process.env['AWS_REGION'] ?? 'us-east-1';
  const client = new KMSClient({ endpoint, region });
  const made: string[] = [];
  const aliases: string[] = [];
  const scheduleDeletion = async (KeyId: string): Promise<void> => {
    made.splice(made.indexOf(KeyId), 1);
    await client.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
  };
  return {
    endpoint,
    region,
    freshKey: async () => {
      const { KeyMetadata } = await client.send(new CreateKeyCommand({ Description: 'a test of Keyturn' }));
      const arn = KeyMetadata?.Arn ?? '';
      made.push(arn);
      return arn;
    },
    freshAlias: async (TargetKeyId) => {
      const AliasName = aliasName();
      await client.send(new CreateAliasCommand({ AliasName, TargetKeyId }));
      aliases.push(AliasName);
      return AliasName;
    },
    disable: async (KeyId) => {
      await client.send(new DisableKeyCommand({ KeyId }));
    },
    scheduleDeletion,
    close: async () => {
      for (const AliasName of aliases) await client.send(new DeleteAliasCommand({ AliasName }));
      for (const arn of [...made]) await scheduleDeletion(arn);
      client.destroy();
    },
  };
}

const aliasName = (): string => `alias/keyturn-test-${randomBytes(6).toString('hex')}`;
