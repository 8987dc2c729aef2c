import { keyturnError } from '../core/errors.js';
import type { Plan, Trigger } from '../core/plan.js';
import type { Config, EnvironmentConfig, SecretConfig } from './config.js';

/** Names shown where one was not found. */
const maxNamed = 20;

/** *Errors* `UNKNOWN_ENVIRONMENT`, which names those there are. */
export function environmentOf(config: Config, environment: string): EnvironmentConfig {
  const found = config.environments[environment];
  if (found !== undefined) return found;
  throw keyturnError('UNKNOWN_ENVIRONMENT', { environment, known: named(Object.keys(config.environments)) });
}

/** *Errors* `UNKNOWN_ENVIRONMENT`, `UNKNOWN_SECRET`, which name those there are. */
export function secretOf(config: Config, environment: string, path: string): SecretConfig {
  const { secrets } = environmentOf(config, environment);
  const found = secrets[path];
  if (found !== undefined) return found;
  throw keyturnError('UNKNOWN_SECRET', { secret: path, environment, known: named(Object.keys(secrets)) });
}

/**
 * How long a write to SSM may still arrive: AWS honours a signature for five minutes, and a write leaves within half a
 * minute of its intent, by clocks that differ by ten seconds at most. The built-in store writes in the journal's
 * transaction: nothing of an executor that lost arrives later. Milliseconds.
 */
const ssmSettleMs = 360_000;

/** What one asks for when one asks for a rotation. */
export interface PlanRequest {
  readonly config: Config;
  readonly environment: string;
  readonly path: string;
  readonly rotationId: string;
  readonly trigger: Trigger;
  readonly reason: string;
  readonly requestedBy: string;
  readonly repair: boolean;
  /** Strangers have the current credential. Absent: false. */
  readonly exposed?: boolean;
}

/**
 * Takes the snapshot a rotation runs on: later changes of the configuration do not reach it. It holds references to
 * secrets, never secrets.
 *
 * *Errors* `UNKNOWN_ENVIRONMENT`, `UNKNOWN_SECRET`.
 */
export function planFor(request: PlanRequest): Plan {
  const secret = secretOf(request.config, request.environment, request.path);
  return {
    rotationId: request.rotationId,
    environment: secret.environment,
    path: secret.path,
    secret: secret.id,
    workflow: secret.workflow,
    target: secret.target,
    rotator: secret.rotator.name,
    principal: secret.principal,
    config: secret.config,
    capabilities: secret.capabilities,
    storeSettleMs: environmentOf(request.config, request.environment).store.kind === 'ssm' ? ssmSettleMs : 0,
    fields: { identity: secret.rotator.credential.identity, value: secret.rotator.credential.value },
    policy: secret.policy,
    consumers: secret.consumers.map(({ key: _key, ...consumer }) => consumer),
    checks: secret.checks,
    trigger: request.trigger,
    reason: request.reason,
    requestedBy: request.requestedBy,
    repair: request.repair,
    ...(request.exposed === true ? { exposed: true } : {}),
    adopted: secret.adopted,
  };
}

/** The keys of which one rotation at a time may hold each: the secret, its group, its principal. */
export function claimsFor(secret: SecretConfig): readonly string[] {
  return [
    `secret ${secret.id}`,
    ...(secret.group === null ? [] : [`group ${secret.environment}:${secret.group}`]),
    `principal ${secret.environment}:${secret.target}:${secret.principal}`,
  ];
}

function named(names: readonly string[]): string {
  if (names.length === 0) return 'those of your configuration, which has none yet';
  const shown = names.slice(0, maxNamed).join(', ');
  return names.length > maxNamed ? `${shown} and ${names.length - maxNamed} more` : shown;
}
