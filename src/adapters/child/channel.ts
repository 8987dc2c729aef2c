import type { Duplex } from 'node:stream';
import { deserialize, serialize } from 'node:v8';
import { Secret, isSecret, openSecret } from '../../core/secret.js';

/** The longest message either side takes. Of a longer one nothing is read. Bytes. */
export const maxMessageBytes = 1_048_576;

/** What {@link ChannelEnd.broken} is told where the other side closed the line, or ended. */
export const lineClosed = 'it closed its line to the worker';

/** How deep a message may be nested. */
const maxDepth = 64;

/** One end of the line between the worker and the process of a rotator. */
export interface Channel {
  /**
   * Sends plain data with `Secret`s in it. What cannot be sent throws: a function, what holds itself, what is too long.
   * Nothing happens where the other side is gone: that is told by `broken`.
   */
  send(message: unknown): void;
  /** Says that nothing more will be sent. *Repeat*: harmless. */
  close(): void;
}

/** What an end of the line is told. */
export interface ChannelEnd {
  /** Plain data with `Secret`s in it, and not looked at yet: whoever reads it checks its shape. */
  message(message: unknown): void;
  /** The line is closed, or what came is no message. At most once, and nothing comes after it. */
  broken(finding: string): void;
}

/**
 * Messages over a pipe: four bytes of length, then what `node:v8` serialises. A pipe of our own and not Node's channel for
 * children, which takes messages of any length and file descriptors as well.
 *
 * A `Secret` crosses as its bytes; frames are overwritten once they are written or read.
 */
export function openChannel(stream: Duplex, end: ChannelEnd): Channel {
  let isBroken = false;
  const breakOff = (finding: string): void => {
    if (isBroken) return;
    isBroken = true;
    stream.destroy();
    end.broken(finding);
  };
  const reader = frameReader((frame) => {
    let message: unknown;
    try {
      message = fromWire(deserialize(frame));
    } finally {
      frame.fill(0);
    }
    end.message(message);
  });
  stream.on('data', (chunk: Buffer) => {
    try {
      if (!isBroken) reader(chunk);
    } catch (error) {
      breakOff(error instanceof Unreadable ? error.message : 'it sent something that is no message');
    } finally {
      chunk.fill(0);
    }
  });
  for (const event of ['end', 'error', 'close'] as const) stream.on(event, () => breakOff(lineClosed));
  return {
    send: (message) => {
      const body = serialize(toWire(message, []));
      if (body.length > maxMessageBytes) throw new TypeError(`a message is longer than ${maxMessageBytes} bytes`);
      const head = Buffer.alloc(4);
      head.writeUInt32BE(body.length);
      if (isBroken || stream.destroyed) return;
      stream.write(head);
      stream.write(body, () => body.fill(0));
    },
    close: () => void stream.end(),
  };
}

/** The other side broke the rules of the line. */
class Unreadable extends Error {}

function frameReader(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  const head = Buffer.alloc(4);
  let body: Buffer | null = null;
  let filled = 0;
  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      const into = body ?? head;
      const taken = chunk.copy(into, filled, at, at + into.length - filled);
      at += taken;
      filled += taken;
      if (filled < into.length) return;
      filled = 0;
      if (body === null) {
        const length = head.readUInt32BE();
        if (length === 0 || length > maxMessageBytes) throw new Unreadable(`it sent a message of ${length} bytes`);
        body = Buffer.alloc(length);
      } else {
        const frame = body;
        body = null;
        onFrame(frame);
      }
    }
  };
}

/** `above` are the objects around it: what holds itself cannot be sent. */
function toWire(value: unknown, above: readonly object[]): unknown {
  if (isSecret(value)) return new Uint8Array(openSecret(value));
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') {
    throw new TypeError(`a ${typeof value} cannot be sent`);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (above.length > maxDepth || above.includes(value)) throw new TypeError('what holds itself cannot be sent');
  const around = [...above, value];
  if (Array.isArray(value)) return value.map((item) => toWire(item, around));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toWire(item, around)]));
}

/** What the serialiser can carry and we do not send is refused: a map, an error, one object in two places. */
function fromWire(value: unknown, seen = new Set<object>(), depth = 0): unknown {
  if (value instanceof Uint8Array) return new Secret(new Uint8Array(value));
  if (typeof value === 'bigint') throw new Unreadable('it sent a number that is not plain');
  if (typeof value !== 'object' || value === null) return value;
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain || seen.has(value) || depth > maxDepth) throw new Unreadable('it sent something that is not plain data');
  seen.add(value);
  if (Array.isArray(value)) return value.map((item) => fromWire(item, seen, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromWire(item, seen, depth + 1)]));
}
