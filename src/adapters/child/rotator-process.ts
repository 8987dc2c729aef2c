// The process of a rotator that is not ours. It is started with an empty environment in an empty folder, speaks over
// descriptor 3, and ends when the worker closes that: a worker that dies takes it along. Protocol: messages.ts.
import { Socket } from 'node:net';
import { openChannel } from './channel.js';
import { serveRotator } from './served-rotator.js';

let receive: (message: unknown) => void = () => {};
const channel = openChannel(new Socket({ fd: 3, readable: true, writable: true }), {
  message: (message) => receive(message),
  broken: () => process.exit(0),
});
receive = serveRotator(channel, (entry) => import(entry));
