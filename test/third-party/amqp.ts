import { once } from 'node:events';
import { type Socket, connect } from 'node:net';

/** Somebody who has logged in, and stays until either side ends it. */
export interface AmqpSession {
  readonly kind: 'open';
  /** What the server said when it ended the session: `320 CONNECTION_FORCED - …`. Undefined: it has not. */
  readonly ended: () => string | undefined;
  /** *Repeat*: harmless. */
  readonly leave: () => void;
}

/** Why a login came to nothing, in the words of the server. */
export interface AmqpRefusal {
  readonly kind: 'refused';
  readonly said: string;
}

/** Who logs in, and where to. */
export interface AmqpLogin {
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** Default `/`. */
  readonly vhost?: string;
}

/**
 * Logs in by AMQP 0-9-1 as a client library does, as far as an open connection to a virtual host: who has no permission
 * there is refused.
 *
 * *Source* https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, 2.2.4 and 4.2.
 */
export async function loginByAmqp({
  port,
  username,
  password,
  vhost = '/',
}: AmqpLogin): Promise<AmqpSession | AmqpRefusal> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(Buffer.from('AMQP\0\0\u0009\u0001', 'latin1'));
  const methods = methodsOf(socket);
  for (let next = await methods.next(); next.done !== true; next = await methods.next()) {
    const { id, body } = next.value;
    switch (id) {
      case start: {
        const mechanism = [shortText('PLAIN'), longText(`\0${username}\0${password}`), shortText('en_US')];
        socket.write(frame(startOk, properties, ...mechanism));
        break;
      }
      case tune:
        // Its limits are taken as they are, and no heartbeat is wanted.
        socket.write(frame(tuneOk, body.subarray(0, 6), Buffer.alloc(2)));
        socket.write(frame(open, shortText(vhost), shortText(''), Buffer.alloc(1)));
        break;
      case openOk:
        return session(socket, methods);
      case close:
        socket.destroy();
        return { kind: 'refused', said: reasonOf(body) };
      default:
        throw new Error(`RabbitMQ sent the method ${id} while somebody logged in`);
    }
  }
  return { kind: 'refused', said: 'the line was closed' };
}

const [start, startOk, tune, tuneOk] = ['10.10', '10.11', '10.30', '10.31'] as const;
const [open, openOk, close] = ['10.40', '10.41', '10.50'] as const;

interface Method {
  /** Class and method, as the specification numbers them. */
  readonly id: string;
  readonly body: Buffer;
}

function session(socket: Socket, methods: AsyncGenerator<Method>): AmqpSession {
  let said: string | undefined;
  const listen = async (): Promise<void> => {
    for await (const { id, body } of methods) if (id === close) said ??= reasonOf(body);
  };
  void listen()
    .catch(() => {})
    .then(() => (said ??= 'the line was closed'));
  return { kind: 'open', ended: () => said, leave: () => void socket.destroy() };
}

/** What comes on channel 0. Ends with the line. */
async function* methodsOf(socket: Socket): AsyncGenerator<Method> {
  let held = Buffer.alloc(0);
  for await (const chunk of socket) {
    held = Buffer.concat([held, chunk as Buffer]);
    // Type, channel and size of the frame, what is in it, and a byte that ends it.
    while (held.length >= 7 && held.length >= held.readUInt32BE(3) + 8) {
      const size = held.readUInt32BE(3);
      const payload = held.subarray(7, 7 + size);
      if (held[0] === 1)
        yield { id: `${payload.readUInt16BE(0)}.${payload.readUInt16BE(2)}`, body: payload.subarray(4) };
      held = held.subarray(size + 8);
    }
  }
}

function frame(id: string, ...body: readonly Buffer[]): Buffer {
  const numbers = Buffer.alloc(4);
  id.split('.').forEach((number, at) => numbers.writeUInt16BE(Number(number), at * 2));
  const payload = Buffer.concat([numbers, ...body]);
  const head = Buffer.alloc(7);
  head.writeUInt8(1, 0);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.from([0xce])]);
}

const shortText = (text: string): Buffer => Buffer.concat([Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)]);

function long(content: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(content.length);
  return Buffer.concat([size, content]);
}

const longText = (text: string): Buffer => long(Buffer.from(text));

/** A client that knows why it is refused: without this the server closes the line and says nothing. */
const properties = long(
  Buffer.concat([
    shortText('capabilities'),
    Buffer.from('F'),
    long(Buffer.concat([shortText('authentication_failure_close'), Buffer.from('t'), Buffer.from([1])])),
  ]),
);

/** Of `connection.close`: a number and a text. */
const reasonOf = (body: Buffer): string => `${body.readUInt16BE(0)} ${body.subarray(3, 3 + (body[2] ?? 0)).toString()}`;
