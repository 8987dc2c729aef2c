import type { Call } from './call.js';
import type { ApiKeyConfig } from './config.js';
import { at } from './pointer.js';
import type { Expected, Provider } from './provider.js';
import type { ListRequest } from './request-schema.js';
import { type ReadTag, readTag } from './tag.js';

/** One key as the list shows it. */
export interface Listed {
  readonly identity: string;
  readonly tag: ReadTag;
  /** Where the definition says that the list shows values: what a request about this key is filled with. */
  readonly value: string | undefined;
  /** False where it will never work again. */
  readonly live: boolean;
}

/** More pages than this are not a list of keys: a list that is cut off would hide some. */
const maxPages = 100;

/** Every key the provider lists, over all pages. *Errors* `ANSWER_UNREADABLE` for whatever could hide one. */
export async function listKeys(
  provider: Provider,
  config: ApiKeyConfig,
  { list, call }: { readonly list: ListRequest; readonly call: Call },
): Promise<readonly Listed[]> {
  const keys: Listed[] = [];
  let next: Next | undefined = list.paging.kind === 'page' ? numbered(list.paging, 0) : {};
  let before = '';
  for (let page = 0; next !== undefined; page += 1) {
    if (page === maxPages) throw provider.unreadable('list', `it has more than ${maxPages} pages`, 'none');
    const answer: Expected = await provider.ask('list', list, { filling: {}, call, ...next });
    if (answer.kind === 'gone') break;
    const items = answer.at(list.items);
    if (!Array.isArray(items)) {
      throw provider.unreadable('list', `what is at ${list.items} of its answer is no list`, 'none');
    }
    const found = items.map((item: unknown) => readItem(item, { provider, config, list, secret: call.ctx.secret }));
    const shown = found.map(({ identity }) => identity).join('\n');
    if (shown !== '' && shown === before) throw provider.unreadable('list', 'its next page is the same again', 'none');
    before = shown;
    keys.push(...found);
    next = nextPage(answer, { provider, list, isEmpty: found.length === 0, page });
  }
  return keys;
}

/** What to ask for the next page with. */
interface Next {
  readonly url?: string;
  readonly query?: readonly (readonly [string, string])[];
}

interface Reading {
  readonly provider: Provider;
  readonly config: ApiKeyConfig;
  readonly list: ListRequest;
  readonly secret: string;
}

function readItem(item: unknown, { provider, config, list, secret }: Reading): Listed {
  const identity = identityOf(at(item, list.identity));
  if (identity === undefined) {
    throw provider.unreadable('list', `an item has no identity at ${list.identity}`, 'none');
  }
  const value = list.value === undefined ? undefined : at(item, list.value);
  return {
    identity,
    tag: list.tag === undefined ? { kind: 'none' } : readTag(config.tag, at(item, list.tag), secret),
    value: typeof value === 'string' ? value : undefined,
    live: list.dead === undefined || at(item, list.dead.pointer) !== list.dead.equals,
  };
}

/** Identities are texts; providers count them too, exactly as far as JSON does. */
export function identityOf(found: unknown): string | undefined {
  if (typeof found === 'string' && found !== '') return found;
  return typeof found === 'number' && Number.isSafeInteger(found) ? String(found) : undefined;
}

type Ok = Extract<Expected, { kind: 'ok' }>;

interface Turning {
  readonly provider: Provider;
  readonly list: ListRequest;
  readonly isEmpty: boolean;
  readonly page: number;
}

function nextPage(answer: Ok, { provider, list: { paging }, isEmpty, page }: Turning): Next | undefined {
  switch (paging.kind) {
    case 'none':
      // What is on a page that nobody asks for is hidden, and what is hidden passes for gone.
      if (nextLink(answer) === undefined) return undefined;
      throw provider.unreadable('list', 'it has a next page, and the definition says nothing of `paging`', 'none');
    case 'link':
      return linked(answer, provider);
    case 'cursor': {
      const found = at(answer.at(''), paging.pointer);
      if (found === undefined || found === null || found === '' || found === false) return undefined;
      const cursor = identityOf(found);
      if (cursor !== undefined) return { query: [[paging.parameter, cursor]] };
      throw provider.unreadable('list', `what is at ${paging.pointer} of its answer is no cursor`, 'none');
    }
    case 'page':
      return isEmpty ? undefined : numbered(paging, page + 1);
    default:
      return paging satisfies never;
  }
}

function numbered({ parameter, first }: { readonly parameter: string; readonly first: number }, page: number): Next {
  return { query: [[parameter, String(first + page)]] };
}

/** The next page of another origin would be given our credentials. */
function linked(answer: Ok, provider: Provider): Next | undefined {
  const { url } = answer;
  const next = nextLink(answer);
  if (next === undefined) return undefined;
  if (!URL.canParse(next, url)) throw provider.unreadable('list', 'the link to its next page is no address', 'none');
  const resolved = new URL(next, url);
  if (resolved.origin === new URL(url).origin) return { url: resolved.href };
  throw provider.unreadable('list', `its next page is on another origin (${resolved.origin})`, 'none');
}

/** One link with its parameters: `<…>; title="a, b"; rel="next"`. */
const link = /<([^<>]*)>((?:\s*;\s*[\w*-]+(?:\s*=\s*(?:"[^"]*"|[^\s",;<>]*))?)*)/g;

/** Where the header `Link` says that the next page is (RFC 8288): of several relations in one link any may be `next`. */
function nextLink({ answer }: Ok): string | undefined {
  for (const [, target, parameters = ''] of (answer.header('link') ?? '').matchAll(link)) {
    const [, quoted, bare = ''] = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;<>]*))/i.exec(parameters) ?? [];
    if ((quoted ?? bare).toLowerCase().split(/\s+/).includes('next')) return target;
  }
  return undefined;
}
