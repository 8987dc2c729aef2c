import { randomBytes } from 'node:crypto';
import {
  CONTRACT,
  type Connection,
  type Credential,
  type EndpointAnswer,
  type RotatorContext,
  Secret,
  defineRotator,
  keyturnError,
  secretSchema,
} from 'keyturn/rotator';
import { z } from 'zod';
import { type Answer, type Request, refusalOf, send, textOf } from './service-client.js';

const configSchema = z.strictObject({
  baseUrl: z.url().refine(isProtected, 'must be https, except for loopback').describe('where the service answers'),
  adminToken: secretSchema,
  name: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'must be lower case letters, digits and dashes')
    .describe('identities begin with it'),
});

type Config = z.infer<typeof configSchema>;

/** A key as the service lists it. `rotation` is our tag: by it we know our own. */
const keySchema = z.object({ id: z.string(), secret: z.string().nullable(), rotation: z.string().nullable() });

const listSchema = z.array(keySchema);

function connect({ baseUrl, adminToken, name }: Config): Connection {
  const asAdmin = async (request: Request, ctx: RotatorContext): Promise<Answer> =>
    send({ baseUrl, token: adminToken }, request, ctx);

  /** An identity comes back to us from the store: it must not lead to another address. */
  const pathOf = (identity: string): string => {
    if (/^[\w-]+$/.test(identity)) return `/keys/${identity}`;
    throw keyturnError('NOT_OURS', { identity });
  };

  /** A change that is done, or whose key is gone; the service compares the tag in the same request. */
  const change = async (identity: string, request: Omit<Request, 'path'>, query: string, ctx: RotatorContext) => {
    const answer = await asAdmin({ ...request, path: `${pathOf(identity)}?${query}` }, ctx);
    if (answer.status === 412) throw keyturnError('NOT_OURS', { identity });
    if (answer.status !== 204 && answer.status !== 404) throw refusalOf(answer, baseUrl);
  };

  const tagOf = (rotation: string | null, { secret }: RotatorContext): string =>
    new URLSearchParams({ secret, ...(rotation === null ? {} : { rotation }) }).toString();

  /** Logs in with the key, as a consumer would. Never throws: what has not answered is unknown. */
  const ask = async ({ identity, value }: Credential, ctx: RotatorContext): Promise<readonly EndpointAnswer[]> => {
    const endpoint = new URL(baseUrl).host;
    try {
      const token = Secret.fromText(`${identity}:${textOf(value)}`);
      const { status } = await send({ baseUrl, token }, { method: 'GET', path: '/me' }, ctx);
      if (status === 200) return [{ endpoint, answer: 'accepted' }];
      if (status === 401) return [{ endpoint, answer: 'refused', reason: 'the service refused the key' }];
      return [{ endpoint, answer: 'unknown', reason: `the service answered ${status}` }];
    } catch {
      return [{ endpoint, answer: 'unknown', reason: 'the service did not answer' }];
    }
  };

  const identify = async (ctx: RotatorContext): Promise<{ readonly system: string }> => {
    const answer = await asAdmin({ method: 'GET', path: '/system' }, ctx);
    if (answer.status !== 200) throw refusalOf(answer, baseUrl);
    return z.object({ system: z.string().min(1) }).parse(answer.body);
  };

  return {
    preflight: async (_current, ctx) => {
      await identify(ctx);
      return [];
    },
    identify,
    // The rotation id in the identity makes it unique without asking, and the same each time.
    propose: async (_current, { rotationId }) => ({
      identity: `${name}-${rotationId}`,
      value: Secret.fromText(randomBytes(32).toString('base64url')),
    }),
    create: async ({ identity, value }, ctx) => {
      if (value === undefined) throw keyturnError('VALUE_REJECTED');
      // It replaces a key that has this tag: whatever an earlier call has left is finished here.
      const body = { value: textOf(value), secret: ctx.secret, rotation: ctx.rotationId };
      const answer = await asAdmin({ method: 'PUT', path: pathOf(identity), body }, ctx);
      if (answer.status === 409) {
        throw keyturnError('PRINCIPAL_IN_USE', { principal: identity, cure: 'choose another `name`' });
      }
      if (answer.status !== 204) throw refusalOf(answer, baseUrl);
      return { identity };
    },
    probe: ask,
    verify: ask,
    usage: async () => ({ kind: 'unknown', reason: 'the service does not tell who uses a key' }),
    raise: async () => {},
    disable: async (identity, ctx) => {
      await change(identity, { method: 'PATCH', body: { state: 'off' } }, tagOf(null, ctx), ctx);
      return { endedSessions: 0 };
    },
    enable: async (identity, ctx) =>
      change(identity, { method: 'PATCH', body: { state: 'on' } }, tagOf(null, ctx), ctx),
    destroy: async (identity, { createdBy }, ctx) => {
      // Null: it was adopted, nobody has tagged it, and somebody has said that it may go.
      const tag = tagOf(createdBy ?? '', ctx);
      await change(identity, { method: 'DELETE' }, tag, ctx);
    },
    list: async (ctx) => {
      const answer = await asAdmin({ method: 'GET', path: `/keys?${tagOf(null, ctx)}` }, ctx);
      if (answer.status !== 200) throw refusalOf(answer, baseUrl);
      return listSchema
        .parse(answer.body)
        .flatMap(({ id, secret, rotation }) =>
          secret !== ctx.secret || rotation === null ? [] : [{ identity: id, rotationId: rotation, live: true }],
        );
    },
    close: async () => {},
  };
}

/** A token must not travel where others can read along. */
function isProtected(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
}

/** Rotates keys of rotator-name. */
export default defineRotator<Config>({
  name: 'rotator-name',
  contract: CONTRACT,
  config: configSchema,
  credential: { identity: 'id', value: 'key' },
  capabilities: () => ({
    overlap: 'two-live',
    origin: 'ours',
    fence: false,
    disable: true,
    usage: false,
    endsSessions: false,
    list: true,
    // How long a request that nobody waits for any more may still be carried out.
    settleMs: 60_000,
  }),
  principal: ({ baseUrl, name }) => `${new URL(baseUrl).host}/${name}`,
  connect,
  classify: () => 'unknown',
});
