import { dirname, resolve } from 'node:path';
import type { ZodError } from 'zod';
import { CONTRACT } from '../contract/rotator.js';
import type { Rotator } from '../contract/rotator.js';
import { isKeyturnError, keyturnError } from '../core/errors.js';
import type { Calendar } from '../ports/operations.js';
import {
  type Config,
  type EnvironmentConfig,
  type KeyringConfig,
  type MasterKeyConfig,
  type SecretConfig,
  type SsmStoreConfig,
  type TargetConfig,
  parameterNames,
} from './config.js';
import { canaryFaults } from './canary-faults.js';
import { instanceFaults, sourceFaults } from './instance-faults.js';
import { type IsolatedRotators, isolationKey } from './isolated.js';
import { isName } from './name.js';
import { namesakes } from './namesakes.js';
import { policyOf } from './policy.js';
import type { ShapedConfig, ShapedSecret } from './schema.js';
import { configSchema } from './schema.js';
import { pathFault } from '../core/parameter-path.js';
import { sharedParameters } from './shared-parameters.js';
import { unlikeRates } from './shared-rates.js';
import { unlistedHosts } from './unlisted-hosts.js';
import { type FieldsOf, keyFault, selfManagedFaults, shownConfig, storedFaults } from './stored.js';

/** What the check of a configuration stands on. */
export interface ParseOptions {
  /** The file it came from, for messages and for what is relative to it. Absolute. */
  readonly file: string;
  /** Every workflow there is. Of several numbers of one name the highest is taken for new rotations. */
  readonly workflows: readonly { readonly name: string; readonly number: number }[];
  readonly calendar: Calendar;
  /** The rotators that the configuration names by `isolated(…)`, opened before. Default: none are. */
  readonly isolated?: IsolatedRotators;
}

/**
 * Turns what a configuration file exports into a {@link Config}, or refuses it whole.
 *
 * *Errors* `CONTRACT_MISMATCH` for a rotator of another contract, and `CONFIG_INVALID` with all problems at once, each
 * with its path and none with a value.
 */
export function parseConfig(exported: unknown, options: ParseOptions): Config {
  const shaped = configSchema.safeParse(exported);
  if (!shaped.success) throw invalid(options.file, problemsOf(shaped.error, []));
  const problems: string[] = [];
  const environments: Record<string, EnvironmentConfig> = emptyRecord();
  for (const [name, input] of Object.entries(shaped.data.environments)) {
    environments[name] = checkEnvironment(name, input, { options, problems });
  }
  const isolated = new Set(options.isolated?.values());
  for (const { environment, target, rotator, holder } of namesakes(Object.values(environments), isolated)) {
    const at = ['environments', environment, 'targets', target, 'rotator'];
    problems.push(problem(at, `it is called ${rotator} like another rotator, that of ${holder}`));
  }
  for (const { environment, path, name, holder } of sharedParameters(Object.values(environments))) {
    const at = ['environments', environment, 'secrets', path];
    const cure = holder.environment === environment ? 'another path' : 'a prefix of its own';
    problems.push(problem(at, `its parameter ${name} is that of ${holder.id}; give one of the two ${cure}`));
  }
  for (const { environment, putsPerSecond, first } of unlikeRates(Object.values(environments))) {
    const at = ['environments', environment, 'store', 'ssm', 'putsPerSecond'];
    const other = `${first.environment} shares its account and region and says ${first.putsPerSecond}`;
    problems.push(problem(at, `it is ${putsPerSecond}, and ${other}; say the same, or name the account of each`));
  }
  const databaseLogin = shaped.data.databaseLogin ?? null;
  // A secret with a fault of its own is not there, and is told of already.
  if (databaseLogin !== null && problems.length === 0) {
    const fault = databaseLoginFault(environments[databaseLogin.environment]?.secrets[databaseLogin.secret]);
    if (fault !== undefined) problems.push(problem(['databaseLogin'], fault));
  }
  if (problems.length > 0) throw invalid(options.file, problems);
  const folder = dirname(options.file);
  return freeze({
    file: options.file,
    folder,
    keyring: keyringOf(shaped.data.keyring, folder),
    databaseLogin,
    environments,
  });
}

/** Why this secret cannot be what Keyturn itself logs in with; undefined where it can. */
function databaseLoginFault(secret: SecretConfig | undefined): string | undefined {
  if (secret === undefined) return 'there is no such secret in that environment';
  const { identity, value } = secret.rotator.credential;
  if (identity !== 'username' || value !== 'password') return 'it must be a secret of the rotator postgres';
  if (secret.capabilities.overlap === 'two-live') return undefined;
  return 'its target must keep two live logins, or workers would be locked out of the state of the very rotation';
}

function keyringOf({ newest, previous }: ShapedConfig['keyring'], folder: string): KeyringConfig {
  return {
    ...masterKeyOf(newest, folder),
    previous: previous === null ? null : masterKeyOf(previous, folder),
  };
}

function masterKeyOf(key: ShapedConfig['keyring']['newest'], folder: string): MasterKeyConfig {
  return typeof key === 'string' ? { kind: 'file', file: resolve(folder, key) } : { kind: 'kms', ...key.kms };
}

/** Where the checks put what they find. */
interface Checking {
  readonly options: ParseOptions;
  readonly problems: string[];
}

type ShapedEnvironment = ShapedConfig['environments'][string];

function checkEnvironment(name: string, input: ShapedEnvironment, checking: Checking): EnvironmentConfig {
  const at = ['environments', name];
  const { problems, options } = checking;
  if (!isName(name)) problems.push(problem(at, 'expected a name of lower-case letters, digits and dashes'));
  const targets: Record<string, TargetConfig> = emptyRecord();
  for (const [target, settings] of Object.entries(input.targets)) {
    if (!isName(target)) {
      problems.push(problem([...at, 'targets', target], 'expected a name of lower-case letters, digits and dashes'));
    }
    const opened =
      'package' in settings.rotator ? options.isolated?.get(isolationKey(settings.rotator)) : settings.rotator;
    if (opened === undefined) {
      problems.push(
        problem([...at, 'targets', target, 'rotator'], 'nothing here can run a rotator in a process of its own'),
      );
      continue;
    }
    refuseOtherContract(opened);
    targets[target] = { name: target, ...settings, rotator: opened };
  }
  const secrets: Record<string, SecretConfig> = emptyRecord();
  const fieldsOf: FieldsOf = (path) =>
    Object.hasOwn(input.secrets, path) ? targets[input.secrets[path]?.target ?? '']?.rotator.credential : undefined;
  for (const [path, secret] of Object.entries(input.secrets)) {
    const checked = checkSecret({ environment: name, path, input: secret, targets, fieldsOf }, checking);
    if (checked !== undefined) secrets[path] = checked;
  }
  refuseShared(Object.values(secrets), at, problems);
  if (input.store !== undefined) refuseUnnameable(Object.keys(secrets), input.store, { at, problems });
  refuseTwice(input.webhooks, [...at, 'webhooks'], problems);
  refuseKeys(input.webhooks, [...at, 'webhooks'], { fieldsOf, problems });
  for (const field of unlistedHosts(input))
    problems.push(problem([...at, ...field], 'its host is not one of allowHosts'));
  return {
    name,
    targets,
    secrets,
    store: input.store ?? { kind: 'built-in' },
    webhooks: input.webhooks,
    allowPrivateAddresses: input.allowPrivateAddresses,
    allowHosts: input.allowHosts,
  };
}

function checkSecret(
  subject: {
    readonly environment: string;
    readonly path: string;
    readonly input: ShapedSecret;
    readonly targets: Readonly<Record<string, TargetConfig>>;
    readonly fieldsOf: FieldsOf;
  },
  checking: Checking,
): SecretConfig | undefined {
  const { environment, path, input, targets, fieldsOf } = subject;
  const { problems, options } = checking;
  const at = ['environments', environment, 'secrets', path];
  const before = problems.length;
  const fault = pathFault(path);
  if (fault !== undefined) problems.push(problem(at, fault));
  if (input.schedule !== undefined) checkSchedule(input.schedule, [...at, 'schedule'], checking);
  refuseTwice(input.consumers, [...at, 'consumers'], problems);
  refuseKeys(input.consumers, [...at, 'consumers'], { fieldsOf, problems });
  for (const fault of instanceFaults(input.consumers))
    problems.push(problem([...at, 'consumers', ...fault.at], fault.sentence));
  refuseTwice(input.checks, [...at, 'checks'], problems);
  const target = targets[input.target];
  if (target === undefined) {
    problems.push(problem([...at, 'target'], `there is no such target in ${environment}`));
    return undefined;
  }
  const config = { ...target.config, ...input.config };
  for (const fault of storedFaults(config, fieldsOf)) problems.push(problem([...at, 'config'], fault));
  // What leads nowhere cannot be shown to a rotator, which would say of it what is no help.
  if (problems.length > before) return undefined;
  const opened = tryRotator(target.rotator, { config, fieldsOf }, [...at, 'config'], problems);
  if (opened === undefined) return undefined;
  const { overlap } = opened.capabilities;
  for (const fault of selfManagedFaults({ path, config, overlap })) problems.push(problem([...at, 'config'], fault));
  for (const fault of sourceFaults(input.consumers, opened.capabilities))
    problems.push(problem([...at, 'consumers', ...fault.at], fault.sentence));
  const workflow = chooseWorkflow(input.workflow, overlap, options.workflows);
  if (typeof workflow === 'string') problems.push(problem([...at, 'workflow'], workflow));
  else
    for (const fault of canaryFaults(input, workflow.name))
      problems.push(problem([...at, ...fault.at], fault.sentence));
  if (typeof workflow === 'string' || problems.length > before) return undefined;
  return {
    id: `${environment}:${path}`,
    environment,
    path,
    target: input.target,
    rotator: target.rotator,
    config,
    ...opened,
    workflow,
    schedule: input.schedule ?? null,
    policy: policyOf(input.policy),
    consumers: input.consumers.map(({ cacheTtl, url, key, instances, sources, owner, ...rest }) => ({
      ...rest,
      ...(instances === undefined ? {} : { instances }),
      ...(sources === undefined ? {} : { sources }),
      ...(owner === undefined ? {} : { owner }),
      url: url ?? null,
      key: key ?? null,
      cacheTtlMs: cacheTtl,
    })),
    checks: input.checks,
    adopted: input.adopted,
    group: input.group ?? null,
  };
}

/** Shows the rotator its settings, without the secrets in them. */
function tryRotator(
  rotator: Rotator,
  { config, fieldsOf }: { readonly config: SecretConfig['config']; readonly fieldsOf: FieldsOf },
  at: readonly string[],
  problems: string[],
): Pick<SecretConfig, 'capabilities' | 'principal' | 'warnings'> | undefined {
  const parsed = rotator.config.safeParse(shownConfig(config, fieldsOf));
  if (!parsed.success) {
    problems.push(...problemsOf(parsed.error, at));
    return undefined;
  }
  try {
    return {
      capabilities: rotator.capabilities(parsed.data),
      principal: rotator.principal(parsed.data),
      warnings: rotator.warnings?.(parsed.data) ?? [],
    };
  } catch {
    problems.push(problem(at, `the rotator ${rotator.name} cannot work with these settings`));
    return undefined;
  }
}

/** *Returns* the workflow, or what is wrong with the choice. */
function chooseWorkflow(
  chosen: string | undefined,
  overlap: 'two-live' | 'one-live',
  workflows: ParseOptions['workflows'],
): SecretConfig['workflow'] | string {
  if (overlap === 'one-live' && chosen !== 'in-place-rotation') {
    return (
      'with these settings the rotator keeps one live credential only, so for a moment the old one is dead and the new ' +
      "one is not yet current; accept that with workflow: 'in-place-rotation', or choose settings with two"
    );
  }
  if (overlap === 'two-live' && chosen === 'in-place-rotation') {
    return 'with these settings the rotator keeps two live credentials; leave workflow out';
  }
  const name = chosen ?? 'staged-rotation';
  const newest = workflows.filter((each) => each.name === name).sort((a, b) => b.number - a.number)[0];
  if (newest === undefined) return `expected one of ${[...new Set(workflows.map((each) => each.name))].join(', ')}`;
  return { name: newest.name, number: newest.number };
}

function checkSchedule(
  schedule: { readonly cron: string; readonly timezone: string },
  at: readonly string[],
  { options, problems }: Checking,
): void {
  try {
    options.calendar.next(schedule.cron, schedule.timezone, 0);
  } catch (error) {
    if (!isKeyturnError(error)) throw error;
    problems.push(problem(at, 'expected a cron expression of five fields and an IANA time zone such as Europe/Berlin'));
  }
}

/** Two secrets with one principal would each destroy what the other has just created. */
function refuseShared(secrets: readonly SecretConfig[], at: readonly string[], problems: string[]): void {
  const holders = new Map<string, string>();
  for (const secret of secrets) {
    const key = JSON.stringify([secret.target, secret.principal]);
    const holder = holders.get(key);
    if (holder === undefined) holders.set(key, secret.path);
    else
      problems.push(problem([...at, 'secrets', secret.path], `it has the same principal as ${holder} on one target`));
  }
}

/** A parameter's name is prefix and path, and what stands after it, and has limits of its own. */
function refuseUnnameable(
  paths: readonly string[],
  store: SsmStoreConfig,
  { at, problems }: { readonly at: readonly string[]; readonly problems: string[] },
): void {
  for (const path of paths) {
    const [name = path] = parameterNames(store, path);
    const fault = pathFault(name);
    if (fault === undefined || name === path) continue;
    const where = store.prefix === '' ? `as ${name}` : `after the prefix ${store.prefix}`;
    problems.push(problem([...at, 'secrets', path], `${where}: ${fault}`));
  }
}

function refuseKeys(
  holders: readonly { readonly key?: string | undefined }[],
  at: readonly PropertyKey[],
  { fieldsOf, problems }: { readonly fieldsOf: FieldsOf; readonly problems: string[] },
): void {
  for (const [index, { key }] of holders.entries()) {
    const fault = key === undefined ? undefined : keyFault(key, fieldsOf);
    if (fault !== undefined) problems.push(problem([...at, index, 'key'], fault));
  }
}

function refuseTwice(list: readonly { readonly name: string }[], at: readonly string[], problems: string[]): void {
  const names = list.map((each) => each.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) problems.push(problem(at, `the name ${twice} stands there twice`));
}

function refuseOtherContract({ name, contract }: Rotator): void {
  if (contract === CONTRACT) return;
  throw keyturnError('CONTRACT_MISMATCH', { rotator: name, contract, spoken: CONTRACT });
}

type Issue = ZodError['issues'][number];

/** Zod's messages name types and keys, never what was found. */
function problemsOf(error: ZodError, at: readonly PropertyKey[]): readonly string[] {
  return error.issues.flatMap((issue) => flatten(issue)).map(({ path, message }) => problem([...at, ...path], message));
}

/** Of a union the alternative that came furthest says what is wrong; "Invalid input" says nothing. */
function flatten(issue: Issue): readonly Pick<Issue, 'path' | 'message'>[] {
  if (issue.code !== 'invalid_union') return [issue];
  const [closest] = [...issue.errors].sort((a, b) => a.length - b.length);
  if (closest === undefined) return [issue];
  return closest.flatMap((inner) => flatten({ ...inner, path: [...issue.path, ...inner.path] }));
}

/** `environments.demo.secrets["/demo/db"].target: there is no such target` */
function problem(path: readonly PropertyKey[], sentence: string): string {
  const where = path.map((key, index) => {
    if (typeof key === 'number') return `[${key}]`;
    const text = String(key);
    if (/^[A-Za-z_$][\w$-]*$/.test(text)) return index === 0 ? text : `.${text}`;
    return `[${JSON.stringify(text)}]`;
  });
  return where.length === 0 ? sentence : `${where.join('')}: ${sentence}`;
}

function invalid(file: string, problems: readonly string[]): Error {
  return keyturnError('CONFIG_INVALID', { file, count: problems.length, problems: problems.join('; ') });
}

/** Names come from people: without a prototype, `constructor` is a name like any other. */
function emptyRecord<Value>(): Record<string, Value> {
  return Object.create(null) as Record<string, Value>;
}

/** Freezes our own data to the bottom; a rotator is its author's and stays as it is. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null && !Array.isArray(value)) return value;
  for (const [key, item] of Object.entries(value)) if (key !== 'rotator') freeze(item);
  return Object.freeze(value);
}
