import { z } from 'zod';
import { placeholdersIn } from './placeholders.js';
import { pointerSchema } from './pointer.js';

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const status = z.int().min(100).max(599);

/** An answer that is meant: a status, and where the status does not tell, what stands at a pointer of the body. */
const match = z.union([
  status.transform((code) => ({ status: code })),
  z.strictObject({
    status,
    pointer: pointerSchema.optional(),
    /** Default: anything that is there. */
    equals: scalar.optional(),
    /** True: nothing is there, in a body that is JSON. */
    absent: z.literal(true).optional(),
  }),
]);

/** See {@link match}. */
export type Match = {
  readonly status: number;
  readonly pointer?: string | undefined;
  readonly equals?: string | number | boolean | null | undefined;
  readonly absent?: true | undefined;
};

const matches = (...statuses: readonly number[]) => z.array(match).default(statuses.map((code) => ({ status: code })));

const sent = {
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
  /** Below the base URL, with its query. What is filled in is percent-encoded. */
  path: z.string().regex(/^\/[^\s#]*$/, 'must begin with / and hold neither blanks nor a fragment'),
  headers: z.record(z.string().regex(/^[\w-]+$/, 'must be the name of a header'), z.string()).default({}),
  /** Sent as JSON, with the texts in it filled in. Default: no body. */
  body: z.json().optional(),
  /** Must be written where a secret stands in the path: URLs end up in logs of proxies and servers. */
  allowSecretInUrl: z.literal(true).optional(),
};

/** What is sent, whatever is made of the answer. */
export type Sent = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly allowSecretInUrl?: true | undefined;
};

const create = z.strictObject({
  ...sent,
  expect: matches(200, 201),
  /** Where the answer has the identity of the new key. Default: it is the name that was sent. */
  identity: pointerSchema.optional(),
  /** Where the answer has its value, this once. Default: it is the value that was sent. */
  value: pointerSchema.optional(),
});

const change = z.strictObject({ ...sent, expect: matches(200, 202, 204) });

const verify = z.strictObject({
  ...sent,
  /** The key is good. */
  accepted: matches(200),
  /** The provider has looked at the key and said no. What is in none of these lists is unknown. */
  refused: matches(401),
});

const paging = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  /** `Link: <…>; rel="next"`, on the same origin only. */
  z.strictObject({ kind: z.literal('link') }),
  /** The cursor of the next page stands at a pointer; none there: this was the last. */
  z.strictObject({ kind: z.literal('cursor'), pointer: pointerSchema, parameter: z.string().min(1) }),
  /** Pages are numbered; an empty one is behind the last. */
  z.strictObject({ kind: z.literal('page'), parameter: z.string().min(1), first: z.int().min(0).default(1) }),
]);

const list = z.strictObject({
  ...sent,
  expect: matches(200),
  /** Where the answer has its items. */
  items: pointerSchema,
  /** In an item. */
  identity: pointerSchema,
  /** In an item: the field that carries our tag. Default: the provider keeps none. */
  tag: pointerSchema.optional(),
  /** In an item: the value, where a provider shows it and wants it back in a URL. */
  value: pointerSchema.optional(),
  /** What a key looks like that is listed and will never work again. Default: none is listed. */
  dead: z.strictObject({ pointer: pointerSchema, equals: scalar }).optional(),
  paging: paging.default({ kind: 'none' }),
  /** How long a new key may be missing from the list. Milliseconds. */
  lagMs: z.int().min(0).max(10_000).default(0),
});

const system = z.strictObject({
  ...sent,
  expect: matches(200),
  /** Where the answer has the provider's own identifier. */
  pointer: pointerSchema,
});

/** The requests of a definition. */
export const requestsSchema = z.strictObject({
  create,
  verify,
  destroy: change,
  list: list.optional(),
  disable: change.optional(),
  enable: change.optional(),
  system: system.optional(),
});

/** See {@link requestsSchema}. */
export type Requests = z.infer<typeof requestsSchema>;
/** The request that lists keys. */
export type ListRequest = NonNullable<Requests['list']>;
/** How a request is called in a definition. */
export type RequestName = keyof Requests;

/** What an answer means that is not expected. The first row that matches decides, before the statuses do. */
export const classifySchema = z.array(
  z.strictObject({
    status,
    pointer: pointerSchema.optional(),
    equals: scalar.optional(),
    /** Default: of every request but `verify`. */
    request: z.enum(['create', 'list', 'disable', 'enable', 'destroy', 'system']).optional(),
    means: z.enum(['rejected-by-policy', 'rejected-by-authority', 'transient', 'quota', 'unknown', 'gone']),
  }),
);

/** One row of the table. */
export type ClassifyRow = z.infer<typeof classifySchema>[number];

/** What each request may be filled with, beside the secrets of the configuration. */
const known: Readonly<Record<RequestName, readonly string[]>> = {
  create: ['name', 'tag', 'rotation', 'principal', 'value'],
  verify: ['value', 'identity', 'basic', 'principal'],
  destroy: ['identity', 'principal', 'value'],
  list: ['principal'],
  disable: ['identity', 'principal', 'value'],
  enable: ['identity', 'principal', 'value'],
  system: ['principal'],
};

/** What is wrong with a request, where zod cannot see it: what it is filled with, and where secrets would go. */
export function templateFaults(
  name: RequestName,
  request: Sent,
  given: { readonly secrets: readonly string[]; readonly listsValues: boolean; readonly isOurs: boolean },
): readonly { readonly path: readonly string[]; readonly message: string }[] {
  const secret = given.secrets.map((each) => `secret.${each}`);
  const withValue = name === 'verify' || (name === 'create' ? given.isOurs : given.listsValues);
  const allowed = [...known[name].filter((each) => each !== 'value' || withValue), ...secret];
  const faults: { path: readonly string[]; message: string }[] = [];
  const parts = { path: request.path, headers: request.headers, body: request.body };
  for (const [part, template] of Object.entries(parts)) {
    for (const placeholder of placeholdersIn(template)) {
      if (!allowed.includes(placeholder)) {
        const hint = placeholder === 'value' ? hintOf(name) : '';
        const message = `knows no {${placeholder}}; ${name} is filled with {${allowed.join('}, {')}}${hint}`;
        faults.push({ path: [part], message });
      } else if (part === 'path' && isSecretPlaceholder(placeholder) && request.allowSecretInUrl !== true) {
        const message = `would put {${placeholder}} into a URL, which proxies and servers write into their logs; where the provider has no other way, write allowSecretInUrl: true at this request`;
        faults.push({ path: [part], message });
      }
    }
  }
  return faults;
}

const hintOf = (name: RequestName): string =>
  name === 'create'
    ? '; a value of ours is in no answer, so leave out create.identity and create.value'
    : '; a provider that lists values is given list.value';

const isSecretPlaceholder = (placeholder: string): boolean =>
  placeholder === 'value' || placeholder === 'basic' || placeholder.startsWith('secret.');
