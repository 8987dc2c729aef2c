#!/usr/bin/env node
import { createDoors } from '../main.js';
import { runCli, tellUncaught } from './program.js';

const args = process.argv.slice(2);
const doors = createDoors();
// Rejections that nobody handles come here as well. What was begun is in an unknown state: nothing goes on.
process.on('uncaughtException', (error) => process.exit(tellUncaught(error, args, doors)));
process.exitCode = await runCli(args, doors);
// A rotator that hangs has failed, and what it has left open keeps nobody.
const isJudge = args[0] === 'rotator' && args[1] === 'test';
// Who was told to end and has ended is not kept alive by what a library has left open, such as a client of a queue that is
// gone. Other commands stay until what they printed is read.
if (doors.terminal.wasInterrupted() || isJudge) setTimeout(() => process.exit(), 5_000).unref();
