import { randomBytes } from 'node:crypto';
import {
  GetParameterCommand,
  PutParameterCommand,
  type PutParameterCommandInput,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { expect } from 'vitest';

/** A path that nobody has used. */
export const fresh = (): string => `/t${randomBytes(6).toString('hex')}`;

/** Puts a parameter, a SecureString unless it says otherwise. */
export const putBy = (client: SSMClient, Name: string, Value: string, more: Partial<PutParameterCommandInput> = {}) =>
  client.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', ...more }));

/** Reads a parameter in clear. */
export const getBy = async (client: SSMClient, Name: string) =>
  (await client.send(new GetParameterCommand({ Name, WithDecryption: true }))).Parameter;

/** The error of that name, as the SDK throws it. */
export const refused = (name: string): Error => expect.objectContaining({ name }) as Error;
