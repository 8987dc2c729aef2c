import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { bullmqWakeups } from '../adapters/bullmq/wakeups.js';
import { refusalOf } from '../adapters/http/outbound.js';
import { loginOf } from '../adapters/postgres/connection.js';
import { postgresLeases } from '../adapters/postgres/leases.js';
import { postgresViews } from '../adapters/postgres/views.js';
import type { Check } from '../cli/doors.js';
import { examine } from '../cli/examine.js';
import type { Config, SecretConfig } from '../config/config.js';
import { planFor } from '../config/plan.js';
import { parseCredential } from '../core/credential.js';
import { cureOf, keyturnError, sentenceOf } from '../core/errors.js';
import type { EndpointAnswer, Finding } from '../core/observation.js';
import { unclaimed } from '../core/preflight.js';
import { examineMasterKey, openKeyring } from './keyring.js';
import { reachOf } from './outside.js';
import type { Urls, Variables } from './settings.js';
import { levelOf, variableOf } from './settings.js';
import { assertUsable, withPool } from './state.js';
import { examineStore, lookingScope, openStores, tryStore } from './stores.js';
import { targetsOf } from './targets.js';

/** How long a question may take. */
const examineMaxMs = 10_000;

/** The checks of `keyturn doctor`. Each looks up for itself where things are, because that may be what is missing. */
export function doctor(parts: {
  readonly variables: Variables;
  readonly urls: () => Promise<Urls>;
  readonly config: () => Promise<Config>;
  readonly tryPut: boolean;
}): AsyncIterable<Check> {
  const { variables, urls, config, tryPut } = parts;
  return examine({
    settings: async () => void levelOf(variables),
    config,
    database: async () => withPool((await urls()).database, assertUsable),
    keyring: async (declared, { isDatabaseWell }) => {
      const findings = await examineMasterKey(declared);
      if (isDatabaseWell) await withPool((await urls()).database, (pool) => openKeyring(declared, pool));
      return findings;
    },
    queue: async ({ isDatabaseWell }) => {
      const own = variableOf(variables, 'KEYTURN_QUEUE_URL');
      const isApart = own !== undefined && own !== variableOf(variables, 'KEYTURN_DATABASE_URL');
      if (isApart) return queueFindings(own);
      return isDatabaseWell ? queueFindings((await urls()).queue) : { skipped: 'it is in the state database' };
    },
    address: async (environment, url) => {
      const looked = refusalOf(url, reachOf(environment));
      const refusal = await Promise.race([looked, delay(examineMaxMs, undefined, { ref: false })]);
      return refusal === undefined ? [] : [refused(refusal)];
    },
    store: async (environment) => withPool((await urls()).database, (pool) => examineStore(pool, environment)),
    sealing: async (environment) => {
      if (!tryPut) return { skipped: 'only a put shows whether it may be used: --try-put makes one' };
      return withPool((await urls()).database, (pool) => tryStore(pool, environment));
    },
    preflight: async (declared, secret) =>
      withPool((await urls()).database, (pool) => preflight({ variables, pool, config: declared, secret })),
  });
}

/** By its names: the tables of the queue, or some of them, are not there. */
const unmigrated: readonly (string | undefined)[] = ['DATABASE_UNMIGRATED', '42P01', '3F000'];

/** Waits until the queue is there, or says what keeps it away. *Errors* `DATABASE_UNMIGRATED`. */
async function queueFindings(url: string): Promise<readonly Finding[]> {
  let trouble: string | undefined;
  const queue = bullmqWakeups({ url, login: loginOf(url), onError: (name) => (trouble = name) });
  try {
    const deadline = performance.now() + examineMaxMs / 2;
    while (queue.health() !== 'ready') {
      if (unmigrated.includes(trouble)) throw keyturnError('DATABASE_UNMIGRATED');
      if (performance.now() > deadline) {
        const sentence = `QUEUE_UNAVAILABLE: ${sentenceOf('QUEUE_UNAVAILABLE', {})} (${trouble ?? 'no answer'})`;
        return [{ sentence, cure: cureOf('QUEUE_UNAVAILABLE', {}) }];
      }
      await delay(50);
    }
    return [];
  } finally {
    await queue.close();
  }
}

const refused = (refusal: string): Finding => ({
  sentence: `nothing is sent there: ${refusal}`,
  cure: 'Use https to a public address, or set `allowPrivateAddresses: true` for this environment.',
});

const silent = { debug: () => {}, warn: () => {} };

/**
 * Asks the rotator what would make a rotation of this secret fail, and the target whether `current` can log in. Changes
 * nothing.
 *
 * While a rotation is open only what it throws is told: the rotator sees two live credentials then and would call one
 * of them in the way, and the cure of that kills it.
 */
async function preflight(subject: {
  readonly variables: Variables;
  readonly pool: pg.Pool;
  readonly config: Config;
  readonly secret: SecretConfig;
}): Promise<readonly Finding[]> {
  const { variables, pool, config, secret } = subject;
  const keyring = await openKeyring(config, pool);
  const stores = await openStores({ config, pool, keyring });
  const targets = targetsOf({ variables, config, stores, log: silent, report: () => {} });
  try {
    const isRotating = async (): Promise<boolean> => {
      const open = await postgresViews(pool).rotations({ secret: secret.id, open: true, limit: 1 });
      return open.length > 0;
    };
    const wasRotating = await isRotating();
    const version = await stores.port.read(lookingScope(config, secret, examineMaxMs), 'current');
    const current = version === null ? null : parseCredential(version.value, secret.rotator.credential, secret.path);
    const request = {
      rotationId: 'doctor',
      trigger: 'demand',
      reason: 'doctor',
      requestedBy: hostname(),
      repair: false,
    } as const;
    const plan = planFor({ config, environment: secret.environment, path: secret.path, ...request });
    const newest = await postgresLeases(pool).newest();
    const scope = {
      plan,
      step: 'preflight',
      attempt: 1,
      fence: { ...newest, known: false },
      nowMs: Date.now(),
      signal: AbortSignal.timeout(examineMaxMs),
      deadlineMs: examineMaxMs,
    } as const;
    const findings = await targets.port.preflight(scope, current);
    const answers = current === null ? [] : await targets.port.probe(scope, current);
    // Asked again: one may have begun while we looked.
    if (wasRotating || (await isRotating())) return [];
    const old = version === null ? null : { version: version.version, createdBy: version.rotationId };
    return [...findings, ...unclaimed(plan, old), ...refusals(secret, answers)];
  } finally {
    stores.close();
    await targets.close();
  }
}

function refusals(secret: SecretConfig, answers: readonly EndpointAnswer[]): readonly Finding[] {
  return answers
    .filter(({ answer }) => answer === 'refused' || answer === 'absent')
    .map(({ endpoint }) => {
      const facts = { secret: secret.path, environment: secret.environment, endpoint };
      return { sentence: sentenceOf('CURRENT_REFUSED', facts), cure: cureOf('CURRENT_REFUSED', facts) };
    });
}
