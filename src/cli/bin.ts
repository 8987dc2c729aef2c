#!/usr/bin/env node
import { createDoors } from '../main.js';
import { runCli } from './program.js';

process.exitCode = await runCli(process.argv.slice(2), createDoors());
