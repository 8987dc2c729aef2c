import type { Finding } from '../../core/observation.js';
import type { Scope } from '../../ports/step-ports.js';
import type { HistoryEntry } from './ssm-calls.js';

/** As many versions as a parameter keeps, and labels as a version may have. https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html */
const most = { versions: 100, labels: 10 };

/** What of a parameter as it is would make a rotation fail. */
export function findingsOf({ plan }: Scope, entries: readonly HistoryEntry[]): readonly Finding[] {
  const { secret, rotationId } = plan;
  const findings: Finding[] = [];
  const [oldest] = entries;
  const newest = entries.at(-1);
  const isPut = entries.some(({ mark }) => mark?.rotationId === rotationId);
  if (!isPut && oldest !== undefined && entries.length >= most.versions && oldest.labels.length > 0) {
    findings.push({
      sentence: `SSM keeps ${most.versions} versions of ${secret}, and the oldest, ${oldest.version}, has the label ${oldest.labels.join(', ')}`,
      cure: `Take the label off version ${oldest.version} with ssm:UnlabelParameterVersion, or put it on a newer one.`,
    });
  }
  // The old version is to become `previous`.
  const current = entries.find(({ labels }) => labels.includes('current'));
  if (current !== undefined && !current.labels.includes('previous') && current.labels.length >= most.labels) {
    findings.push({
      sentence: `version ${current.version} of ${secret} has ${most.labels} labels, and none more is possible`,
      cure: `Take a label off version ${current.version} with ssm:UnlabelParameterVersion.`,
    });
  }
  if (newest !== undefined && newest.type !== 'SecureString') {
    findings.push({
      sentence: `the parameter of ${secret} is a ${newest.type}, and its type cannot change`,
      cure: 'Delete it, wait 30 seconds, and make it again as a SecureString.',
    });
  }
  if (newest?.expires === true) {
    findings.push({
      sentence: `the parameter of ${secret} has an Expiration policy: SSM would delete it`,
      cure: 'Put it once more with the policies [{}], which clears them.',
    });
  }
  return findings;
}
