import { createHash, createHmac } from 'node:crypto';
import type { AwsKey } from './served-store.js';

/** A request to the store, signed here and not by AWS's client, so that everything in it can be wrong. */
export interface RawRequest {
  readonly key: AwsKey;
  readonly action: string;
  readonly body: string | Uint8Array;
  /** Default: now. Milliseconds since 1970. */
  readonly atMs?: number;
  /** Ends the connection. */
  readonly signal?: AbortSignal;
  /** What is sent in place of what was signed. Null: left out. */
  readonly sent?: {
    readonly headers?: Readonly<Record<string, string | null>>;
    readonly body?: string | Uint8Array;
    readonly path?: string;
    readonly method?: string;
  };
}

/** What was answered. */
export interface RawAnswer {
  readonly status: number;
  readonly type: string | undefined;
  readonly text: string;
}

/** Signs it (AWS Signature Version 4) and sends it. */
export async function sendRaw(serverUrl: string, request: RawRequest): Promise<RawAnswer> {
  const { sent = {} } = request;
  const headers = { ...signedHeaders(serverUrl, request), ...sent.headers };
  const method = sent.method ?? 'POST';
  const body = sent.body ?? request.body;
  const response = await fetch(`${serverUrl}${sent.path ?? '/'}`, {
    method,
    headers: Object.entries(headers).filter((each): each is [string, string] => each[1] !== null),
    signal: request.signal ?? null,
    ...(method === 'GET' ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
  });
  const text = await response.text();
  return { status: response.status, type: response.headers.get('x-amzn-errortype') ?? undefined, text };
}

function signedHeaders(serverUrl: string, { key, action, body, atMs = Date.now() }: RawRequest) {
  const date = `${new Date(atMs).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
  const scope = `${date.slice(0, 8)}/eu-central-1/ssm/aws4_request`;
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    host: new URL(serverUrl).host,
    'x-amz-date': date,
    'x-amz-target': `AmazonSSM.${action}`,
  };
  const names = Object.keys(headers).join(';');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}`);
  const canonical = ['POST', '/', '', ...lines, '', names, sha256(body)].join('\n');
  let signing: Buffer | string = `AWS4${key.secretAccessKey}`;
  for (const part of scope.split('/')) signing = createHmac('sha256', signing).update(part).digest();
  const signature = createHmac('sha256', signing)
    .update(['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n'))
    .digest('hex');
  const credential = `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/${scope}`;
  return { ...headers, authorization: `${credential}, SignedHeaders=${names}, Signature=${signature}` };
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
