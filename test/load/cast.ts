import { join } from 'node:path';

/** The names of everything a run under load makes. */
export const names = {
  environment: 'load',
  stateDatabase: 'keyturn_state',
  targetDatabase: 'billing',
  /** Least privilege on the state: what workers log in as. */
  workerRole: 'keyturn_worker',
  /** May read versions and labels and nothing else: what consumers read the store as. */
  readerRole: 'load_reader',
  /** Changes the logins: may make roles, is no superuser. */
  adminRole: 'keyturn_admin',
} as const;

/** One secret that is rotated: a login of the target with a table of its own. */
export interface LoadSecret {
  readonly path: string;
  /** `environment:/path`. */
  readonly id: string;
  readonly owner: string;
  readonly logins: readonly [string, string];
  readonly table: string;
  /** The consumers that read it, by name; the first is its canary. */
  readonly consumers: readonly [string, string];
}

const consumerCount = 4;
const secretCount = 8;

/** The applications that read secrets. */
export const consumerNames: readonly string[] = Array.from(
  { length: consumerCount },
  (_, index) => `consumer-${index + 1}`,
);

/** Every other application knows of rotations by `keyturn/consumer` alone. */
export function kindOf(consumer: string): 'by-hand' | 'library' {
  return consumerNames.indexOf(consumer) % 2 === 0 ? 'by-hand' : 'library';
}

/** Every secret of a run. Each has two consumers, and each consumer reads several of them. */
export const secrets: readonly LoadSecret[] = Array.from({ length: secretCount }, (_, index) => {
  const owner = `load_${index + 1}`;
  const path = `/load/db-${index + 1}`;
  return {
    path,
    id: `${names.environment}:${path}`,
    owner,
    logins: [`${owner}_a`, `${owner}_b`],
    table: `payments_${index + 1}`,
    consumers: [consumerAt(index), consumerAt(index + 1)],
  };
});

/** The secrets a consumer reads. */
export function secretsOf(consumer: string): readonly LoadSecret[] {
  return secrets.filter(({ consumers }) => consumers.includes(consumer));
}

/** What stands in the folder of a run. */
export interface LoadFiles {
  readonly config: string;
  readonly key: string;
  readonly adminPassword: string;
  readonly consumerKey: (consumer: string) => string;
  /** A folder with one for each consumer process. */
  readonly consumers: string;
  /** A folder with one for each worker process, unless the run is told of another. */
  readonly workers: string;
}

/** See {@link LoadFiles}. */
export function filesIn(folder: string): LoadFiles {
  return {
    config: join(folder, 'keyturn.config.ts'),
    key: join(folder, 'keyturn.key'),
    adminPassword: join(folder, 'admin-password'),
    consumerKey: (consumer) => join(folder, `${consumer}-key`),
    consumers: join(folder, 'consumers'),
    workers: join(folder, 'workers'),
  };
}

function consumerAt(index: number): string {
  return consumerNames[index % consumerCount] ?? '';
}
