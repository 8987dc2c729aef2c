import { execFile, execFileSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { inspect, promisify } from 'node:util';
import { openSecret } from 'keyturn/rotator';
import { textOf } from './planted.js';
import type { Planted } from './planted.js';

/** Where every leak is found. */
export const secrecy = 'neither an answer, an error, a log line, the output nor the connection shows a value';

/** Stubs that let a value out. */
export const secrecyDeviations: readonly Planted[] = [
  [
    'logs a value',
    {
      connection: (sound) => ({
        create: async (proposal, ctx) => {
          ctx.log.debug({ proposed: textOf(proposal.value!) }, 'creating');
          return sound.create(proposal, ctx);
        },
      }),
    },
    secrecy,
  ],
  [
    'writes a value to the output',
    {
      connection: (sound, { target }) => ({
        create: async (proposal, ctx) => {
          // Only beside another credential: where nobody listens it would reach the log of this run.
          if (ctx.signal.aborted && target.entries().size > 0) {
            process.stdout.write(`${Buffer.from(openSecret(proposal.value!)).join(',')}\n`);
          }
          return sound.create(proposal, ctx);
        },
      }),
    },
    secrecy,
  ],
  [
    'writes a value to the number of the output',
    {
      connection: (sound, { target }) => ({
        create: async (proposal, ctx) => {
          if (ctx.signal.aborted && target.entries().size > 0) writeSync(1, `${textOf(proposal.value!)}\n`);
          return sound.create(proposal, ctx);
        },
      }),
    },
    secrecy,
  ],
  [
    'gives a value to a program as an argument',
    {
      connection: (sound) => ({
        create: async (proposal, ctx) => {
          if (ctx.signal.aborted) await promisify(execFile)('true', [textOf(proposal.value!)]);
          return sound.create(proposal, ctx);
        },
      }),
    },
    secrecy,
  ],
  [
    'gives a value to a program as an argument, and waits for it',
    {
      connection: (sound) => ({
        create: async (proposal, ctx) => {
          if (ctx.signal.aborted) execFileSync('true', [textOf(proposal.value!)]);
          return sound.create(proposal, ctx);
        },
      }),
    },
    secrecy,
  ],
  [
    'throws a request that shows a value to JSON alone',
    {
      connection: (sound) => ({
        create: async (proposal, ctx) => {
          const body = textOf(proposal.value!);
          const request = { toJSON: () => ({ body }) };
          if (ctx.signal.aborted) throw Object.assign(new Error('not sent'), { request });
          return sound.create(proposal, ctx);
        },
      }),
    },
    secrecy,
  ],
  [
    'keeps a value where util.inspect finds it',
    {
      connection: (sound) => {
        const kept = { last: '' };
        return {
          create: async (proposal, ctx) => {
            kept.last = textOf(proposal.value!);
            return sound.create(proposal, ctx);
          },
          close: Object.assign(async () => {}, { kept }),
        };
      },
    },
    secrecy,
  ],
  [
    'throws the bytes of a value',
    {
      connection: (sound) => ({
        create: async (proposal, ctx) => {
          if (ctx.signal.aborted) throw Object.assign(new Error('not sent'), { body: openSecret(proposal.value!) });
          return sound.create(proposal, ctx);
        },
      }),
    },
    secrecy,
  ],
  [
    'throws a request that describes itself without what it holds',
    {
      connection: (sound) => ({
        create: async (proposal, ctx) => {
          const request = { body: textOf(proposal.value!), [inspect.custom]: () => '[request]' };
          if (ctx.signal.aborted) throw Object.assign(new Error('not sent'), { request });
          return sound.create(proposal, ctx);
        },
      }),
    },
    secrecy,
  ],
];
