import { isIP } from 'node:net';
import { secretSchema } from 'keyturn/rotator';
import { z } from 'zod';
import { placeholdersIn } from './placeholders.js';
import { type RequestName, type Sent, classifySchema, requestsSchema, templateFaults } from './request-schema.js';
import { defaultTag, tagFault } from './tag.js';

const url = z.string().superRefine((text, problems) => {
  const message = urlFault(text);
  if (message !== undefined) problems.addIssue({ code: 'custom', message });
});

function urlFault(text: string): string | undefined {
  if (!URL.canParse(text)) return 'must be a URL, such as https://keys.example.com';
  const { protocol, username, password, search, hash } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'must be https';
  if (username !== '' || password !== '') return 'must hold no user and no password; name them in `auth`';
  return search === '' && hash === '' ? undefined : 'must hold neither a query nor a fragment';
}

const header = z.string().regex(/^[\w-]+$/, 'must be the name of a header');

const auth = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('bearer'), token: secretSchema }),
  z.strictObject({ kind: z.literal('basic'), username: z.string().min(1), password: secretSchema }),
  z.strictObject({ kind: z.literal('header'), name: header, value: secretSchema, prefix: z.string().default('') }),
  z.strictObject({
    kind: z.literal('query'),
    name: z.string().min(1),
    value: secretSchema,
    allowSecretInUrl: z.literal(true, {
      error:
        'a query puts the secret into every URL, which proxies and servers write into their logs; where the provider has no other way, write allowSecretInUrl: true',
    }),
  }),
  z.strictObject({
    kind: z.literal('oauth'),
    tokenUrl: url,
    clientId: z.string().min(1),
    clientSecret: secretSchema,
    scope: z.string().optional(),
  }),
]);

/** How we are known to the provider. */
export type Auth = z.infer<typeof auth>;

const definition = z.strictObject({
  /** Where the provider is; paths of requests are below it. */
  baseUrl: url,
  /** True lets requests go without TLS to a host that is not this machine. Default: they are refused. */
  allowHttp: z.literal(true).optional(),
  /** The authority that signed the provider's certificate, in PEM. Default: those Node trusts. */
  ca: z.string().optional(),
  auth,
  /** Whose keys these are: the account, the service account. Two secrets must not share one. */
  principal: z.string().min(1),
  /** Names of new keys begin with it. */
  name: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'must be lower case letters, digits and dashes')
    .default('keyturn'),
  /** How the tag is written, for providers that limit length or alphabet. */
  tag: z
    .string()
    .default(defaultTag)
    .superRefine((template, problems) => {
      const message = tagFault(template);
      if (message !== undefined) problems.addIssue({ code: 'custom', message });
    }),
  /** For the templates of requests, as `{secret.NAME}`. */
  secrets: z.record(z.string().regex(/^[A-Za-z0-9_-]+$/), secretSchema).default({}),
  requests: requestsSchema,
  classify: classifySchema.default([]),
  /** The header that makes a provider answer a repeated `create` as it did the first time. Default: it has none. */
  idempotencyHeader: header.optional(),
  /** True where the key that is used for these requests is the one that is rotated: `token: store(…)` of this very secret. */
  selfManaged: z.boolean().default(false),
  /** Nobody else makes keys on this account: one that was not there before a rotation is the rotation's. */
  exclusive: z.literal(true).optional(),
  /** A key whose creation was cut off is never found again, and stays. */
  acceptOrphans: z.literal(true).optional(),
  /** How many keys the provider allows. Default: as many as one likes. */
  maximum: z.int().min(2).optional(),
  /** How long a new key may be refused. Milliseconds. */
  activationMs: z.int().min(0).max(10_000).default(0),
  /** How long a destroyed key may be accepted. Milliseconds. */
  propagationMs: z.int().min(0).max(3_600_000).default(0),
  /** How long after a step was begun a request of it may still take effect at the provider. Milliseconds. */
  settleMs: z.int().min(0).max(3_600_000).default(60_000),
  /** Default: as fast as answers come. */
  requestsPerSecond: z.number().positive().max(1_000).optional(),
  /** For one request, connecting included. Milliseconds. */
  timeoutMs: z.int().min(1).max(20_000).default(10_000),
  /** A longer answer is not read. */
  maxBytes: z
    .int()
    .min(1)
    .max(64 * 1024 * 1024)
    .default(1024 * 1024),
});

/** What the rotator `api-key` is configured with: the definition of a provider. */
export const configSchema = definition.superRefine((config, problems) => {
  const say = (path: readonly PropertyKey[], message: string): void => {
    problems.addIssue({ code: 'custom', path: [...path], message });
  };
  if (config.allowHttp !== true) {
    for (const [path, address] of addressesOf(config)) {
      if (!isPrivateLine(address)) {
        say(path, 'must be https; where the line is private all the same, write allowHttp: true');
      }
    }
  }
  const { create, list, disable, enable } = config.requests;
  const ours = isOurs(config);
  const given = { secrets: Object.keys(config.secrets), listsValues: list?.value !== undefined, isOurs: ours };
  for (const [name, request] of Object.entries(config.requests) as [RequestName, Sent | undefined][]) {
    if (request === undefined) continue;
    for (const { path, message } of templateFaults(name, request, given)) say(['requests', name, ...path], message);
  }
  if ((disable === undefined) !== (enable === undefined)) {
    const missing = disable === undefined ? 'disable' : 'enable';
    say(['requests', missing], 'is missing: disable and enable are given together, or neither');
  }
  if (!sends(config.requests.verify, 'value') && !sends(config.requests.verify, 'basic')) {
    say(['requests', 'verify'], 'must send {value} or {basic}: without it, it says nothing of a key');
  }
  if (list?.tag !== undefined && !sends(create, 'tag')) {
    say(['requests', 'create'], 'must send {tag}, because list.tag is where it is looked for');
  }
  if (ours) {
    if (!sends(create, 'name') || !sends(create, 'value')) {
      say(['requests', 'create'], 'must send {name} and {value}, or say where its answer has them: identity, value');
    }
    if (list?.tag === undefined) {
      say(
        ['requests', 'list', 'tag'],
        'is missing: a name that we choose may be that of somebody else, and only a tag tells whose it is',
      );
    }
  } else if (create.identity === undefined || create.value === undefined) {
    const missing = create.identity === undefined ? 'identity' : 'value';
    say(
      ['requests', 'create', missing],
      'is missing: the answer has both, identity and value, or neither, where both are ours',
    );
  }
  if (list?.tag !== undefined && config.exclusive === true) {
    say(['exclusive'], 'is for providers that keep no tag; leave it out, or leave out list.tag');
  }
  if (config.exclusive === true && list === undefined) {
    say(['requests', 'list'], 'is missing: exclusive knows a key by its not having been listed before');
  }
  if (config.maximum !== undefined && list === undefined) {
    say(['requests', 'list'], 'is missing: nobody else can count the keys for maximum');
  }
  if (!ours && !canFind(config) && config.acceptOrphans !== true) {
    say(
      [],
      'a key whose creation is cut off could never be found: give requests.list with a tag, or, where nobody else makes keys on this account, requests.list with exclusive: true; where the provider can neither, write acceptOrphans: true',
    );
  }
  if (canFind(config) && config.acceptOrphans === true) {
    say(['acceptOrphans'], 'is not needed: keys are found by their tag, or by exclusive; leave it out');
  }
});

/** See {@link configSchema}. */
export type ApiKeyConfig = z.infer<typeof configSchema>;

/** True where a key that nobody knows the value of can be told from those of others. */
export function canFind({ requests: { list }, exclusive }: Pick<ApiKeyConfig, 'requests' | 'exclusive'>): boolean {
  return list !== undefined && (list.tag !== undefined || exclusive === true);
}

/** True where name and value of a key are of our making: what the provider answers has neither. */
export function isOurs({ requests: { create } }: Pick<ApiKeyConfig, 'requests'>): boolean {
  return create.identity === undefined && create.value === undefined;
}

/** `keys.example.com:443`: how errors and answers name the provider. */
export function endpointOf({ baseUrl }: Pick<ApiKeyConfig, 'baseUrl'>): string {
  const { hostname, port, protocol } = new URL(baseUrl);
  return `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
}

const sends = ({ path, headers, body }: Sent, placeholder: string): boolean =>
  placeholdersIn([path, headers, body]).includes(placeholder);

function addressesOf({ baseUrl, auth: how }: z.infer<typeof definition>): readonly [PropertyKey[], string][] {
  return [
    [['baseUrl'], baseUrl],
    ...(how.kind === 'oauth' ? [[['auth', 'tokenUrl'], how.tokenUrl] as [PropertyKey[], string]] : []),
  ];
}

/** True where nobody reads along: TLS, or bytes that never leave the machine. */
function isPrivateLine(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  if (protocol === 'https:') return true;
  return hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'));
}
