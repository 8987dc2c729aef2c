import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type EncryptionContext, KmsFault, KmsKeys } from './kms-keys.js';

/** A request the double has received, without what it holds. */
export interface KmsRequest {
  readonly operation: string;
  readonly keyId: string | undefined;
  readonly context: EncryptionContext;
  readonly dryRun: boolean;
  /** The same for all tries of one call. */
  readonly invocation: string;
}

/** What happens to a request instead of its answer. */
export type KmsTrouble =
  /** HTTP 400, over the rate. */
  | 'throttle'
  /** HTTP 500. */
  | 'fail'
  /** Done, and then the connection ends without an answer. */
  | 'lose-answer'
  /** Not done, and the connection ends. */
  | 'reset'
  /** Nothing is ever answered. */
  | 'hold';

interface RequestBody {
  readonly KeyId?: string;
  readonly KeySpec?: string;
  readonly CiphertextBlob?: string;
  readonly EncryptionContext?: EncryptionContext;
  readonly DryRun?: boolean;
  readonly DryRunModifiers?: readonly string[];
}

/**
 * AWS KMS as far as a keyring speaks to it: JSON 1.1 over HTTP, GenerateDataKey and Decrypt with dry runs, key states,
 * denials and trouble. It takes any signature, and whatever goes wrong quotes the whole request, as no service may be
 * trusted not to.
 */
export class KmsDouble {
  readonly keys = new KmsKeys();
  /** Everything it was asked, oldest first. */
  readonly requests: KmsRequest[] = [];
  /** Every data key it has given out. */
  readonly given: Buffer[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #denied = new Map<string, (context: EncryptionContext) => boolean>();
  readonly #troubles: (KmsTrouble | undefined)[] = [];
  readonly region = 'eu-central-1';
  /** How many requests wait for an answer they will not get. */
  held = 0;

  /** Starts it on a port of its own. The caller closes it. */
  static async start(): Promise<KmsDouble> {
    const double = new KmsDouble();
    double.#server.listen(0, '127.0.0.1');
    await once(double.#server, 'listening');
    return double;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Denies an operation from now on, for some contexts only where that is said. */
  deny(operation: string, when: (context: EncryptionContext) => boolean = () => true): void {
    this.#denied.set(operation, when);
  }

  allow(operation: string): void {
    this.#denied.delete(operation);
  }

  /** What happens to the next requests, one after the other; then all is well again. Undefined: the answer. */
  trouble(...troubles: readonly (KmsTrouble | undefined)[]): void {
    this.#troubles.push(...troubles);
  }

  /** All is well again from now on. */
  endTrouble(): void {
    this.#troubles.length = 0;
  }

  /** *Repeat*: harmless. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const trouble = this.#troubles.shift();
    if (trouble === 'reset') return void request.socket.destroy();
    if (trouble === 'hold') return void (this.held += 1);
    try {
      const answer = this.#answer(request, text, trouble);
      if (trouble === 'lose-answer') return void request.socket.destroy();
      send(response, 200, answer);
    } catch (thrown) {
      if (!(thrown instanceof KmsFault)) throw thrown;
      send(response, thrown.status, { __type: thrown.name, message: `${thrown.message} ${text}` });
    }
  }

  #answer(request: IncomingMessage, text: string, trouble: KmsTrouble | undefined): object {
    if (request.headers.authorization?.startsWith('AWS4-HMAC-SHA256 ') !== true)
      throw new KmsFault('MissingAuthenticationTokenException', 'Missing Authentication Token');
    const [service, operation = ''] = String(request.headers['x-amz-target']).split('.');
    const body = JSON.parse(text) as RequestBody;
    const context = body.EncryptionContext ?? {};
    this.requests.push({
      operation,
      keyId: body.KeyId,
      context,
      dryRun: body.DryRun === true,
      invocation: String(request.headers['amz-sdk-invocation-id']),
    });
    if (trouble === 'throttle') throw new KmsFault('ThrottlingException', 'Rate exceeded');
    if (trouble === 'fail') throw new KmsFault('KMSInternalException', 'internal', 500);
    if (service !== 'TrentService') throw new KmsFault('UnknownOperationException', '');
    if (this.#denied.get(operation)?.(context) === true) {
      const who = 'arn:aws:sts::111122223333:assumed-role/worker/i';
      throw new KmsFault('AccessDeniedException', `User: ${who} is not authorized to perform: kms:${operation}`);
    }
    switch (operation) {
      case 'GenerateDataKey':
        return this.#generate(body, context);
      case 'Decrypt':
        return this.#decrypt(body, context);
      default:
        throw new KmsFault('UnknownOperationException', '');
    }
  }

  #generate(body: RequestBody, context: EncryptionContext): object {
    if (body.KeySpec !== 'AES_256') throw new KmsFault('ValidationException', 'KeySpec or NumberOfBytes');
    const key = this.keys.usable(body.KeyId ?? '');
    refuseDryRun(body);
    const plaintext = randomBytes(32);
    this.given.push(plaintext);
    const blob = this.keys.encrypt(key, plaintext, context);
    return { KeyId: key.arn, Plaintext: plaintext.toString('base64'), CiphertextBlob: blob.toString('base64') };
  }

  #decrypt(body: RequestBody, context: EncryptionContext): object {
    const named = body.KeyId === undefined ? undefined : this.keys.usable(body.KeyId);
    if (body.DryRun === true && body.DryRunModifiers?.includes('IGNORE_CIPHERTEXT') === true) refuseDryRun(body);
    const blob = Buffer.from(body.CiphertextBlob ?? '', 'base64');
    if (named !== undefined && this.keys.holderOf(blob) !== named.arn) throw new KmsFault('IncorrectKeyException', '');
    const { key, plaintext } = this.keys.decrypt(blob, context);
    refuseDryRun(body);
    return {
      KeyId: key.arn,
      Plaintext: plaintext.toString('base64'),
      EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
    };
  }
}

/** A dry run that would succeed is answered by an error. */
function refuseDryRun({ DryRun }: RequestBody): void {
  if (DryRun !== true) return;
  throw new KmsFault(
    'DryRunOperationException',
    'The request would have succeeded, but the DryRun option is set.',
    412,
  );
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
  response.end(JSON.stringify(body));
}
