import { isKeyturnError, keyturnError } from '../core/errors.js';
import type { ParameterName, Selector } from '../core/parameter-name.js';
import { grantExpressions } from '../core/path-grant.js';
import type { ParameterVersion, Writer } from '../ports/parameters.js';
import type { OpenStore } from './doors.js';
import type { Call } from './program.js';

/** What a command is about, for the record of accesses. */
export interface Subject {
  readonly environment: string;
  /** `store get`. */
  readonly action: string;
  /** What was asked for; null: no one parameter. */
  readonly path: string | null;
}

/** How many are read at once. */
const pageSize = 200;

/** Whoever has the database and the master key may see everything: what is seen is written down. */
const everything = grantExpressions([{ path: '/*', allow: ['read'] }], 'read');

/** The parameters of an environment in the hands of one command, with the record of what it reads. */
export class StoreSession {
  constructor(
    readonly open: OpenStore,
    readonly writer: Writer,
  ) {}

  /**
   * The version that a name means. A bare name means the newest version, and of a secret under management the one that
   * is `current`: the newest may be pending. *Errors* `UNKNOWN_PARAMETER`, `UNKNOWN_VERSION`.
   */
  async find({ path, selector }: ParameterName): Promise<ParameterVersion> {
    const { environment, parameters } = this.open;
    const meant: Selector = selector ?? ((await this.open.managed()).has(path) ? 'current' : null);
    const [found = 'missing'] = await parameters.read(environment, [{ path, selector: meant }]);
    if (found === 'missing') throw unknownParameter(path, environment);
    if (found === 'version') throw unknownVersion(path, { environment, selector: meant });
    return found;
  }

  /** The newest version of a parameter; null where there is none. */
  async newest(path: string): Promise<ParameterVersion | null> {
    const [found = 'missing'] = await this.open.parameters.read(this.open.environment, [{ path, selector: null }]);
    return typeof found === 'string' ? null : found;
  }

  /** The newest version of every parameter below a path, in order. */
  async below(path: string): Promise<readonly ParameterVersion[]> {
    const { environment, parameters } = this.open;
    const found: ParameterVersion[] = [];
    const filter = { visible: everything, below: { path, recursive: true } };
    for (;;) {
      const page = await parameters.list(environment, filter, { after: found.at(-1)?.path ?? null, limit: pageSize });
      found.push(...page);
      if (page.length < pageSize) return found;
    }
  }

  /**
   * The version of every parameter below a path that its readers should have: `current` of a secret under management, the
   * newest of the rest. `withheld` are secrets under management that have no current version yet.
   */
  async inForce(
    path: string,
  ): Promise<{ readonly found: readonly ParameterVersion[]; readonly withheld: readonly string[] }> {
    const { environment, parameters } = this.open;
    const isBelow = (each: string): boolean => path === '/' || each.startsWith(`${path}/`);
    const managed = [...(await this.open.managed())].filter(isBelow);
    const plain = (await this.below(path)).filter((each) => !managed.includes(each.path));
    const asked = managed.map((each) => ({ path: each, selector: 'current' }));
    const current = asked.length === 0 ? [] : await parameters.read(environment, asked);
    return {
      found: [...plain, ...current.filter((each) => typeof each !== 'string')],
      withheld: managed.filter((_, index) => typeof current[index] === 'string'),
    };
  }

  /** Every version of a parameter that is kept, oldest first. *Errors* `UNKNOWN_PARAMETER`. */
  async history(path: string): Promise<readonly ParameterVersion[]> {
    const { environment, parameters } = this.open;
    const found: ParameterVersion[] = [];
    for (;;) {
      const page = { after: found.at(-1)?.version ?? null, limit: pageSize };
      const versions = await parameters.history(environment, path, page);
      if (versions === null) throw unknownParameter(path, environment);
      found.push(...versions);
      if (versions.length < pageSize) return found;
    }
  }

  /** Writes down which versions are about to be given away. Resolves once that is for good. */
  async gave(versions: readonly Pick<ParameterVersion, 'path' | 'version'>[]): Promise<void> {
    const { environment } = this.open;
    await this.open.note(
      versions.map(({ path, version }) => ({ ...this.writer, environment, path, version, outcome: 'done' })),
    );
  }

  /** Writes down that something was looked at which is no value. */
  async looked(path: string | null): Promise<void> {
    await this.#note(path, 'done');
  }

  /** Writes down what was refused. */
  async refused(path: string | null, code: string): Promise<void> {
    await this.#note(path, code);
  }

  async #note(path: string | null, outcome: string): Promise<void> {
    await this.open.note([{ ...this.writer, environment: this.open.environment, path, version: null, outcome }]);
  }
}

/** There is no such parameter. */
export const unknownParameter = (parameter: string, environment: string): Error =>
  keyturnError('UNKNOWN_PARAMETER', { parameter, environment });

/** There is one, without this version or label. */
export const unknownVersion = (
  parameter: string,
  { environment, selector }: { readonly environment: string; readonly selector: Selector },
): Error => keyturnError('UNKNOWN_VERSION', { parameter, environment, selector: selector ?? 'newest' });

/** Opens the store for one command, writes down what it refuses, and closes it. */
export async function withStore<T>(
  { doors, where }: Pick<Call, 'doors' | 'where'>,
  { environment, action, path }: Subject,
  use: (session: StoreSession) => Promise<T>,
): Promise<T> {
  const open = await doors.store(where, environment);
  try {
    const session = new StoreSession(open, { principal: doors.principal, source: 'local', action });
    try {
      return await use(session);
    } catch (error) {
      if (isKeyturnError(error)) await session.refused(path, error.code);
      throw error;
    }
  } finally {
    await open.close();
  }
}
