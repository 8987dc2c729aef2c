import {
  GetParameterCommand,
  GetParameterHistoryCommand,
  LabelParameterVersionCommand,
  PutParameterCommand,
  UnlabelParameterVersionCommand,
} from '@aws-sdk/client-ssm';
import { cureOf, sentenceOf } from '../../core/errors.js';
import type { Finding } from '../../core/observation.js';
import { maxSkewMs } from './ssm-calls.js';
import type { SsmClients } from './ssm-client.js';
import { isAbsent, ssmFailure } from './ssm-failure.js';

/** What is examined. */
export interface SsmExamined {
  readonly clients: SsmClients;
  readonly keyId: string;
  /** Of every secret that is in this store: the parameter with its versions, and the bare one that repeats `current`. */
  readonly names: readonly { readonly path: string; readonly versions: string; readonly mirror: string | null }[];
  /** The database's time now. Milliseconds since 1970. */
  readonly databaseMs: number;
  /** Waits for a turn of the buckets that all workers share: AWS counts what changes nothing as well. *Errors* `STORE_UNAVAILABLE`. */
  readonly turn: (what: 'put' | 'label') => Promise<unknown>;
}

/** No parameter has as many versions. */
const noVersion = 2 ** 31 - 1;

/** What is answered to who may put, and puts what can never be. */
const permitted: readonly string[] = ['ParameterPatternMismatchException', 'ParameterAlreadyExists'];

/**
 * Asks by calls that change nothing whether a rotation of each secret would be allowed: reads as they are; a label for a
 * version that cannot exist; a put that its own pattern refuses. And are the clocks near enough to each other? Whether a
 * put may use its key is seen by a put only: `tryPuts`.
 *
 * *Returns* a finding for each thing that would fail, told once for all secrets it would fail for.
 */
export async function examineSsm(examined: SsmExamined): Promise<readonly Finding[]> {
  const { names, clients, databaseMs } = examined;
  const findings = new Map<string, Finding>();
  const startedMs = Date.now();
  for (const { path, versions, mirror } of names) {
    const probes = [...probesOf(examined, versions), ...(mirror === null ? [] : mirrorProbesOf(examined, mirror))];
    const found = await Promise.all(probes.map((probe) => wouldFail(examined, path, probe)));
    for (const finding of found.flat()) findings.set(finding.sentence, finding);
  }
  const skewMs = Math.max(Math.abs(startedMs - databaseMs), Math.abs(clients.serverAheadMs() ?? 0));
  const facts = { skewMs: Math.round(skewMs), maxSkewMs };
  if (skewMs > maxSkewMs) findings.set('clock', findingOf('CLOCK_SKEWED', facts));
  return [...findings.values()];
}

interface Probe {
  readonly action: string;
  /** What it takes a turn of; absent: it is a read, and reads have none. */
  readonly takes?: 'put' | 'label';
  readonly ask: () => Promise<unknown>;
}

/** A bare parameter has no labels of ours. What is denied is told apart from the same of the parameter with the versions. */
function mirrorProbesOf(examined: SsmExamined, Name: string): readonly Probe[] {
  return probesOf(examined, Name)
    .filter(({ action }) => !/label/i.test(action))
    .map((probe) => ({ ...probe, action: `${probe.action} of the bare name` }));
}

function probesOf({ clients: { reads }, keyId }: SsmExamined, Name: string): readonly Probe[] {
  const labels = { Name, ParameterVersion: noVersion, Labels: ['pending'] };
  const put = { Name, Value: 'nothing', Type: 'SecureString' as const, KeyId: keyId, Overwrite: false };
  return [
    {
      action: 'ssm:GetParameter',
      ask: () => reads.send(new GetParameterCommand({ Name: `${Name}:current`, WithDecryption: true })),
    },
    {
      action: 'ssm:GetParameterHistory',
      ask: () => reads.send(new GetParameterHistoryCommand({ Name, MaxResults: 1 })),
    },
    {
      action: 'ssm:PutParameter',
      takes: 'put',
      ask: () => reads.send(new PutParameterCommand({ ...put, AllowedPattern: '^never$' })),
    },
    {
      action: 'ssm:LabelParameterVersion',
      takes: 'label',
      ask: () => reads.send(new LabelParameterVersionCommand(labels)),
    },
    {
      action: 'ssm:UnlabelParameterVersion',
      takes: 'label',
      ask: () => reads.send(new UnlabelParameterVersionCommand(labels)),
    },
  ];
}

async function wouldFail(
  { keyId, turn }: SsmExamined,
  path: string,
  { action, takes, ask }: Probe,
): Promise<readonly Finding[]> {
  try {
    if (takes !== undefined) await turn(takes);
    await ask();
    return [];
  } catch (thrown) {
    if (isAbsent(thrown) || (thrown instanceof Error && permitted.includes(thrown.name))) return [];
    const { code, facts } = ssmFailure(thrown, { action, secret: path, keyId }).error;
    return [findingOf(code, facts)];
  }
}

/** What a failure says, as a finding. */
export function findingOf(code: Parameters<typeof sentenceOf>[0], facts: Parameters<typeof sentenceOf>[1]): Finding {
  return { sentence: `${code}: ${sentenceOf(code, facts)}`, cure: cureOf(code, facts) };
}
