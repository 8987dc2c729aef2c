import { GetParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import type { Finding } from '../../core/observation.js';
import type { SsmExamined } from './ssm-examine.js';
import { findingOf } from './ssm-examine.js';
import { isAbsent, ssmFailure } from './ssm-failure.js';

/** What the parameter is called that is put to see whether one can be, in the folder of a secret. */
export const triedName = 'keyturn-doctor';

/** No secret has this value: what holds another one is not ours. */
const triedValue = 'nothing';

/**
 * Puts a parameter that nobody reads beside those of the secrets, one in each of their folders: Parameter Store has no dry
 * run, and only a put shows whether the key may be used to seal. It stays there; the next time it gets one more version.
 *
 * *Returns* a finding for each thing that was refused, told once.
 */
export async function tryPuts(examined: SsmExamined): Promise<readonly Finding[]> {
  const folders = new Set(examined.names.map(({ versions }) => versions.slice(0, versions.lastIndexOf('/') + 1)));
  const findings = new Map<string, Finding>();
  for (const folder of folders) {
    const finding = await tryPut(examined, `${folder}${triedName}`);
    if (finding !== null) findings.set(finding.sentence, finding);
  }
  return [...findings.values()];
}

async function tryPut({ clients: { reads }, keyId, turn }: SsmExamined, Name: string): Promise<Finding | null> {
  let action = 'ssm:GetParameter';
  try {
    const found = await reads.send(new GetParameterCommand({ Name, WithDecryption: true })).catch((thrown: unknown) => {
      if (isAbsent(thrown)) return null;
      throw thrown;
    });
    if (found !== null && found.Parameter?.Value !== triedValue) return somebodyElses(Name);
    action = 'ssm:PutParameter';
    await turn('put');
    const put = { Name, Value: triedValue, Type: 'SecureString', KeyId: keyId, Description: description } as const;
    // What somebody has made since it was looked for is not overwritten.
    await reads.send(new PutParameterCommand({ ...put, Overwrite: found !== null }));
    return null;
  } catch (thrown) {
    // By another doctor, or by this one, whose answer was lost.
    if (thrown instanceof Error && thrown.name === 'ParameterAlreadyExists') return null;
    const { code, facts } = ssmFailure(thrown, { action: `${action} of ${Name}`, secret: Name, keyId }).error;
    return findingOf(code, facts);
  }
}

const description = 'put by keyturn doctor --try-put; nobody reads it';

const somebodyElses = (name: string): Finding => ({
  sentence: `${name} is a parameter of somebody else: nothing was put there`,
  cure: 'Call it otherwise, or leave --try-put away.',
});
