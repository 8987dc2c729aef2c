#!/usr/bin/env node
import { createDoors } from '../main.js';
import { runCli, tellUncaught } from './program.js';

const args = process.argv.slice(2);
const doors = createDoors();
// Rejections that nobody handles come here as well. What was begun is in an unknown state: nothing goes on.
process.on('uncaughtException', (error) => process.exit(tellUncaught(error, args, doors)));
process.exitCode = await runCli(args, doors);
