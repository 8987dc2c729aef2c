import { openSecret } from '../core/secret.js';
import type { ParameterVersion } from '../ports/parameters.js';
import { arnOf } from './caller.js';
import type { Call } from './call.js';

/** What AWS calls the key of our keyring. */
export const ownKeyId = 'alias/keyturn';

/**
 * A parameter with its value, as GetParameter gives it. A SecureString is given sealed, in base64, to who does not ask for
 * it in clear: it is never opened then.
 */
export async function parameterOf(
  call: Call,
  version: ParameterVersion,
  asked: { readonly decrypt: boolean; readonly selector?: string },
): Promise<object> {
  return {
    ...(asked.selector === undefined ? {} : { Selector: asked.selector }),
    ARN: arnOf(call.caller.region, version.path),
    DataType: dataTypeOf(version),
    LastModifiedDate: version.atMs / 1_000,
    Name: version.name,
    Type: version.type,
    Value: await valueOf(version, asked.decrypt),
    Version: version.version,
  };
}

/** What is known of a parameter beside its value, as DescribeParameters gives it. */
export function metadataOf(call: Call, version: ParameterVersion): object {
  const { details } = version;
  return {
    ARN: arnOf(call.caller.region, version.path),
    ...(details.allowedPattern === undefined ? {} : { AllowedPattern: details.allowedPattern }),
    DataType: dataTypeOf(version),
    ...(details.description === undefined ? {} : { Description: details.description }),
    ...(version.type === 'SecureString' ? { KeyId: ownKeyId } : {}),
    LastModifiedDate: version.atMs / 1_000,
    LastModifiedUser: version.putBy,
    Name: version.name,
    Policies: policiesOf(details.policies),
    Tier: version.tier,
    Type: version.type,
    Version: version.version,
  };
}

/** One version of a parameter's history. */
export async function historyOf(call: Call, version: ParameterVersion, decrypt: boolean): Promise<object> {
  const { ARN, ...metadata } = metadataOf(call, version) as { readonly ARN: string };
  void ARN;
  return { ...metadata, Labels: version.labels, Value: await valueOf(version, decrypt) };
}

async function valueOf(version: ParameterVersion, decrypt: boolean): Promise<string> {
  if (version.type === 'SecureString' && !decrypt) return version.sealed();
  const value = await version.open();
  // The wire speaks JSON: this is the one place where a value becomes text, for who may read it.
  const asText = new TextDecoder('utf-8', { ignoreBOM: true }).decode(openSecret(value));
  value.wipe();
  return asText;
}

const dataTypeOf = ({ details }: ParameterVersion): string => details.dataType ?? 'text';

function policiesOf(policies: string | null | undefined): readonly object[] {
  if (policies === null || policies === undefined) return [];
  const each = JSON.parse(policies) as readonly { readonly Type: string }[];
  return each.map((policy) => ({
    PolicyText: JSON.stringify(policy),
    PolicyType: policy.Type,
    PolicyStatus: 'Pending',
  }));
}
