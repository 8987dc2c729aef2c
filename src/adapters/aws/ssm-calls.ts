import {
  GetParameterCommand,
  GetParameterHistoryCommand,
  type GetParameterHistoryCommandOutput,
  LabelParameterVersionCommand,
  type ParameterHistory,
  PutParameterCommand,
  UnlabelParameterVersionCommand,
} from '@aws-sdk/client-ssm';
import { keyturnError } from '../../core/errors.js';
import { Secret, openSecret } from '../../core/secret.js';
import type { Scope, VersionSelector } from '../../ports/step-ports.js';
import type { StoreSends } from '../../ports/store-sends.js';
import type { SsmClients } from './ssm-client.js';
import { isAbsent, ssmFailure } from './ssm-failure.js';
import { type Mark, markOf } from './ssm-mark.js';

/** One kept version, its value unread. */
export interface HistoryEntry {
  readonly version: number;
  readonly labels: readonly string[];
  readonly description: string;
  /** Who put it; null where nobody of us did. Nobody has compared it with the value yet. */
  readonly mark: Mark | null;
  readonly type: string;
  /** True where SSM will delete the parameter by itself. */
  readonly expires: boolean;
}

/** What a store is reached with. */
export interface SsmParts {
  readonly clients: SsmClients;
  readonly sends: StoreSends;
  /** The customer-managed key of every put: an alias, an id or an ARN. */
  readonly keyId: string;
  /** Before the path of every secret; empty: nothing. */
  readonly prefix: string;
}

/** A request that is written once, if it may be. */
interface Signed {
  readonly request: { readonly headers: Readonly<Record<string, string | undefined>> };
}

/** How far apart the clocks of a worker, its database and its store may be. Milliseconds. */
export const maxSkewMs = 10_000;

/**
 * How long after its intent a write may still leave. With the skew of the clocks and the five minutes that AWS honours a
 * signature it stays within the six of the plan's settle time. Milliseconds.
 */
const maxLateMs = 30_000;

/** The calls of one store. Each of them throws errors of ours; writes ask right before they leave whether they still may. */
export class SsmCalls {
  readonly #parts: SsmParts;
  readonly #suffix: string;

  /** `suffix` stands after the path of every secret. */
  constructor(parts: SsmParts, suffix = '') {
    this.#parts = parts;
    this.#suffix = suffix;
  }

  /** The value of one version; null: of the newest. *Returns* null where there is no such parameter, version or label. */
  async value(
    scope: Scope,
    selector: VersionSelector | null,
  ): Promise<{ readonly version: number; readonly value: Secret } | null> {
    const Name = selector === null ? this.#name(scope) : `${this.#name(scope)}:${selector}`;
    const command = new GetParameterCommand({ Name, WithDecryption: true });
    try {
      const { Parameter } = await this.#parts.clients.reads.send(command, { abortSignal: scope.signal });
      if (Parameter?.Version === undefined || Parameter.Value === undefined) throw keyturnError('STORE_UNAVAILABLE');
      return { version: Parameter.Version, value: Secret.fromText(Parameter.Value) };
    } catch (thrown) {
      if (isAbsent(thrown)) return null;
      throw this.#sorted(scope, 'ssm:GetParameter', thrown).error;
    }
  }

  /** Every kept version, oldest first. *Returns* [] where there is no such parameter. */
  async history(scope: Scope): Promise<readonly HistoryEntry[]> {
    const entries: HistoryEntry[] = [];
    let next: string | undefined;
    try {
      do {
        const page: Pick<GetParameterHistoryCommandOutput, 'NextToken' | 'Parameters'> =
          await this.#parts.clients.reads.send(
            new GetParameterHistoryCommand({
              Name: this.#name(scope),
              WithDecryption: false,
              MaxResults: 50,
              ...(next === undefined ? {} : { NextToken: next }),
            }),
            { abortSignal: scope.signal },
          );
        entries.push(...(page.Parameters ?? []).map(entryOf));
        // A page may be empty and still not be the last.
        next = page.NextToken;
      } while (next !== undefined && next !== '');
    } catch (thrown) {
      if (isAbsent(thrown)) return [];
      throw this.#sorted(scope, 'ssm:GetParameterHistory', thrown).error;
    }
    return entries.sort((a, b) => a.version - b.version);
  }

  /**
   * Puts a version. `mirrors`: the digest of a value that is repeated under the bare name. *Errors* with the fact
   * `outcome: 'unknown'` where it may have happened, or may still happen.
   */
  async put(scope: Scope, { value, description, mirrors }: VersionPut): Promise<number> {
    // The SDK takes text. It is forgotten when the request has been written.
    const command = new PutParameterCommand({
      Name: this.#name(scope),
      Value: new TextDecoder('utf-8', { fatal: true }).decode(openSecret(value)),
      Type: 'SecureString',
      KeyId: this.#parts.keyId,
      Overwrite: true,
      Description: description,
    });
    let isAdmitted = false;
    const admitted = (): void => {
      isAdmitted = true;
    };
    command.middlewareStack.addRelativeTo(this.#admitting(scope, 'put', { mirrors, admitted }), afterSigning);
    try {
      const { Version } = await this.#parts.clients.writes.send(command, { abortSignal: scope.signal });
      if (Version === undefined) throw new TypeError('a put answers with its version');
      return Version;
    } catch (thrown) {
      const { error, isRefused } = this.#sorted(scope, 'ssm:PutParameter', thrown);
      if (isAdmitted && isRefused) await this.#parts.sends.refused(scope);
      throw isRefused ? error : unknownYet(error);
    }
  }

  /** Puts or takes off labels, by the number of the version. *Errors* as those of {@link put}. */
  async label(scope: Scope, { version, labels, remove }: LabelMove): Promise<void> {
    const input = { Name: this.#name(scope), ParameterVersion: version, Labels: [...labels] };
    const action = remove ? 'ssm:UnlabelParameterVersion' : 'ssm:LabelParameterVersion';
    const { writes } = this.#parts.clients;
    const options = { abortSignal: scope.signal };
    try {
      if (remove) {
        const command = new UnlabelParameterVersionCommand(input);
        command.middlewareStack.addRelativeTo(this.#admitting(scope, 'label'), afterSigning);
        // What is no label of that version comes back as invalid: it is gone, which is what was asked for.
        await writes.send(command, options);
        return;
      }
      const command = new LabelParameterVersionCommand(input);
      command.middlewareStack.addRelativeTo(this.#admitting(scope, 'label'), afterSigning);
      const { InvalidLabels } = await writes.send(command, options);
      const [refused] = InvalidLabels ?? [];
      if (refused !== undefined) throw keyturnError('STORE_DENIED', { action: `the label ${refused}` });
    } catch (thrown) {
      const { error, isRefused } = this.#sorted(scope, action, thrown);
      throw isRefused ? error : unknownYet(error);
    }
  }

  #admitting(scope: Scope, what: 'put' | 'label', put: Admission = {}) {
    return <Args, Answer>(next: (args: Args) => Promise<Answer>) =>
      async (args: Args): Promise<Answer> => {
        await this.#admit(scope, what, args as Signed, put.mirrors);
        put.admitted?.();
        return next(args);
      };
  }

  /**
   * Right before the request leaves: is the lease still held, is the time it was signed with the database's and the
   * store's, and is it early enough to be dead when the engine takes it for settled?
   */
  async #admit(scope: Scope, what: 'put' | 'label', { request }: Signed, mirrors?: string): Promise<void> {
    const { sends, clients } = this.#parts;
    const nowMs = await sends.admit(scope, what, mirrors);
    if (nowMs === null) throw keyturnError('STORE_STALE', { secret: scope.plan.secret });
    const signedMs = signedAt(request.headers['x-amz-date'] ?? request.headers['X-Amz-Date'] ?? '');
    const skewMs = Math.max(Math.abs(signedMs - nowMs), Math.abs(clients.serverAheadMs() ?? 0));
    const isLate = nowMs - scope.nowMs > maxLateMs;
    if (skewMs <= maxSkewMs && !isLate) return;
    if (what === 'put') await sends.refused(scope);
    if (isLate) throw keyturnError('STORE_UNAVAILABLE');
    throw keyturnError('CLOCK_SKEWED', { skewMs: Math.round(skewMs), maxSkewMs });
  }

  #sorted(scope: Scope, action: string, thrown: unknown) {
    return ssmFailure(thrown, { action, secret: scope.plan.secret, keyId: this.#parts.keyId });
  }

  #name({ plan }: Scope): string {
    return `${this.#parts.prefix}${plan.path}${this.#suffix}`;
  }
}

/** A version that is put. */
export interface VersionPut {
  readonly value: Secret;
  readonly description: string;
  readonly mirrors?: string;
}

interface Admission {
  readonly mirrors?: string | undefined;
  readonly admitted?: () => void;
}

/** Labels of one version. `remove` false: put there, from wherever they are. */
export interface LabelMove {
  readonly version: number;
  readonly labels: readonly string[];
  readonly remove: boolean;
}

const afterSigning = {
  relation: 'after',
  toMiddleware: 'httpSigningMiddleware',
  name: 'keyturnAdmit',
} as const;

/** `20261124T051307Z`. */
function signedAt(date: string): number {
  const [, year, month, day, hours, minutes, seconds] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}Z`);
}

/** The same error, saying that the request may have had its effect, or may still have it. */
function unknownYet({ code, facts, cause }: ReturnType<typeof keyturnError>) {
  return keyturnError(code, { ...facts, outcome: 'unknown' }, cause);
}

function entryOf({ Version, Labels, Description, Type, Policies }: ParameterHistory): HistoryEntry {
  if (Version === undefined) throw keyturnError('STORE_UNAVAILABLE');
  return {
    version: Version,
    labels: Labels ?? [],
    description: Description ?? '',
    mark: markOf(Description ?? ''),
    type: Type ?? '',
    expires: (Policies ?? []).some(({ PolicyType }) => PolicyType === 'Expiration'),
  };
}
