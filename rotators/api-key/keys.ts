import { Secret, type Tagged, keyturnError } from 'keyturn/rotator';
import type { Call } from './call.js';
import { type ApiKeyConfig, canFind } from './config.js';
import { type Listed, listKeys } from './listing.js';
import type { AskedRequest, Provider } from './provider.js';
import type { RequestName } from './request-schema.js';

/** What a list must hold: `settled` is everything that was asked for before this call, for which it is given its time. */
export type Wanted = 'settled' | 'shown';

/** The keys that are there, and what is done to one of them. */
export class Keys {
  /** Whose earlier requests the list must show by now. */
  #caughtUp = '';

  constructor(
    readonly config: ApiKeyConfig,
    readonly provider: Provider,
  ) {}

  /** What the provider lists. *Returns* [] where it cannot. */
  async listed(call: Call, wanted: Wanted): Promise<readonly Listed[]> {
    const { list } = this.config.requests;
    if (list === undefined) return [];
    if (wanted === 'settled') await this.#catchUp(list.lagMs, call);
    return listKeys(this.provider, this.config, { list, call });
  }

  /** From now on the list may lag behind again. */
  fallBehind(): void {
    this.#caughtUp = '';
  }

  /** What carries our tag; where nobody else makes keys, and there is no tag, all of them. */
  async tagged(call: Call): Promise<readonly Tagged[]> {
    if (!canFind(this.config)) return [];
    const isTagged = this.config.requests.list?.tag !== undefined;
    // What is asked for `create`, in either direction, is asked for to be destroyed: nothing may be missing.
    const listed = await this.listed(call, call.ctx.step === 'create' ? 'settled' : 'shown');
    return listed.flatMap(({ identity, tag, live }): readonly Tagged[] => {
      if (!isTagged) return [{ identity, rotationId: null, live }];
      return tag.kind === 'ours' ? [{ identity, rotationId: tag.rotationId, live }] : [];
    });
  }

  /** *Errors* `NOT_OURS` for the key of another secret. A missing one stays missing. */
  async switchTo(name: 'disable' | 'enable', identity: string, call: Call): Promise<void> {
    const request = this.config.requests[name];
    if (request === undefined) throw keyturnError('STEP_FAILED', { step: name, name: 'no request', outcome: 'none' });
    const found = await this.#find(identity, call);
    if (found === 'gone') return;
    if (found?.tag.kind === 'of another secret') throw keyturnError('NOT_OURS', { identity });
    await this.change(name, request, { identity, value: found?.value, call });
  }

  /** *Errors* `NOT_OURS` for a key with another tag than that of the rotation that created it. */
  async destroy(identity: string, createdBy: string | null, call: Call): Promise<void> {
    const found = await this.#find(identity, call);
    if (found === 'gone') return;
    if (found !== undefined && this.config.requests.list?.tag !== undefined) {
      const madeBy = found.tag.kind === 'ours' ? found.tag.rotationId : null;
      if (found.tag.kind === 'of another secret' || madeBy !== createdBy) throw keyturnError('NOT_OURS', { identity });
    }
    await this.change('destroy', this.config.requests.destroy, { identity, value: found?.value, call });
  }

  /** Sends a request about one key. What was expected and that there is no such key are both success. */
  async change(
    name: Extract<RequestName, 'disable' | 'enable' | 'destroy'>,
    request: AskedRequest,
    { identity, value, call }: { readonly identity: string; readonly value: string | undefined; readonly call: Call },
  ): Promise<void> {
    const shown = value === undefined ? undefined : Secret.fromText(value);
    await this.provider.ask(name, request, { filling: { identity, value: shown }, call });
  }

  /** *Returns* undefined where the provider cannot list: nobody can say. */
  async #find(identity: string, call: Call): Promise<Listed | 'gone' | undefined> {
    const { list } = this.config.requests;
    if (list === undefined) return undefined;
    const isIt = (each: Listed): boolean => each.identity === identity;
    const found = (await this.listed(call, 'shown')).find(isIt);
    if (found !== undefined) return found;
    if (list.lagMs === 0) return 'gone';
    return (await this.listed(call, 'settled')).find(isIt) ?? 'gone';
  }

  /** Under one epoch nobody but this connection creates: having waited once, it need not before it has created again. */
  async #catchUp(lagMs: number, call: Call): Promise<void> {
    const { rotationId, fence } = call.ctx;
    const now = `${rotationId} ${fence.era} ${fence.epoch}`;
    if (lagMs > 0 && this.#caughtUp !== now) await call.pause(lagMs);
    this.#caughtUp = now;
  }
}
