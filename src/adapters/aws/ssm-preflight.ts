import type { Finding } from '../../core/observation.js';
import { shadowSuffix } from '../../core/parameter-path.js';
import type { Scope } from '../../ports/step-ports.js';
import type { HistoryEntry } from './ssm-calls.js';
import type { MirrorLook } from './ssm-mirror.js';

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
      cure: oldest.labels.includes('current')
        ? `Version ${oldest.version} is the one in use, and no other is as good. SSM takes no put before, so in one go: take current off it, put its value once more, and put current on the new version.`
        : `Take the label off version ${oldest.version} with ssm:UnlabelParameterVersion, or put it on a newer one.`,
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
  // Without it this would be a first credential, and the one in use would be forgotten, not revoked.
  const previous = entries.find(({ labels }) => labels.includes('previous'));
  if (current === undefined && previous !== undefined) {
    findings.push({
      sentence: `no version of ${secret} has the label current, and version ${previous.version} is still previous: somebody has taken current off`,
      cure: 'Put current back on the version that applications use, with ssm:LabelParameterVersion.',
    });
  }
  return [...findings, ...unfit(secret, newest)];
}

function unfit(secret: string, newest: HistoryEntry | undefined): readonly Finding[] {
  const findings: Finding[] = [];
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

/** One for the promotion, one for the way back. */
const mirrorPuts = 2;

/** What of the parameter under a bare name would make a rotation fail, or harm who reads it. `entries`: of its history. */
export function mirrorFindingsOf(
  { plan: { secret, path } }: Scope,
  { entries, mirrored, kept }: MirrorLook & { readonly entries: readonly HistoryEntry[] },
): readonly Finding[] {
  const findings: Finding[] = [];
  const current = entries.find(({ labels }) => labels.includes('current'))?.version;
  if (mirrored !== null && entries.length === 0) {
    findings.push({
      sentence: `applications read ${secret} already, and ${path}${shadowSuffix}, where its versions would be, has none`,
      cure: `Put the credential that applications read: keyturn store put ${path} --env ENV --file FILE --current`,
    });
  }
  if (mirrored !== null && current !== undefined && mirrored.of !== current) {
    findings.push({
      sentence: `applications read version ${mirrored.of} of ${secret}, and the label current is on version ${current}`,
      cure: `Put the label current of ${path}${shadowSuffix} on the version that applications are to use, and its value under the bare name.`,
    });
  }
  const labelled = kept.find(({ labels }) => labels.some((label) => managedLabels.includes(label)));
  if (labelled !== undefined) {
    findings.push({
      sentence: `version ${labelled.version} of ${secret} has a label under its bare name: who reads by it would never see another one`,
      cure: `Move those applications to the bare name, then take ${managedLabels.join(', ')} off it with ssm:UnlabelParameterVersion.`,
    });
  }
  const first = kept.findIndex(({ labels }) => labels.length > 0);
  if (first >= 0 && most.versions - kept.length + first < mirrorPuts) {
    findings.push({
      sentence: `SSM keeps ${most.versions} versions of ${secret}, a rotation puts up to ${mirrorPuts}, and version ${kept[first]?.version}, one of the oldest, has a label`,
      cure: 'Take the label off it with ssm:UnlabelParameterVersion, or put it on a newer one.',
    });
  }
  return [...findings, ...unfit(secret, kept.at(-1))];
}

const managedLabels: readonly string[] = ['current', 'pending', 'previous'];
