// The process of a rotator that is not ours. It is started with an empty environment in an empty folder, speaks over
// descriptor 3, and ends when the worker closes that: a worker that dies takes it along. Protocol: messages.ts.
import { rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { basename } from 'node:path';
import { openChannel } from './channel.js';
import { serveRotator } from './served-rotator.js';
import { workingFolderName } from './working-folder.js';

// Before the rotator is loaded, which may go elsewhere.
const workingFolder = process.cwd();

/** A worker that is gone cannot clear away after us. */
function leave(): void {
  if (basename(workingFolder).startsWith(workingFolderName)) rmSync(workingFolder, { recursive: true, force: true });
  process.exit(0);
}

let receive: (message: unknown) => void = () => {};
const channel = openChannel(new Socket({ fd: 3, readable: true, writable: true }), {
  message: (message) => receive(message),
  broken: leave,
});
receive = serveRotator(channel, (entry) => import(entry));
