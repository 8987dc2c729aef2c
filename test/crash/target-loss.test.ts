import { describe, expect, it, onTestFinished } from 'vitest';
import { type ProxyMode, type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { answersAtLast, endsAsPromised, everyState, isLong, stoppedAt } from './surroundings.js';

/** Every call that changes something at a target that is reached over a network. */
const points = everyState.filter(({ kind, effect }) => kind !== 'random' && effect.startsWith('target'));

interface Fault {
  readonly name: string;
  readonly mode: ProxyMode;
  /** What the call in hand is answered. */
  readonly answer: RegExp;
  /** True: also in the short run. */
  readonly isShort: boolean;
  /** How long a call may take. Milliseconds. Default: as long as it likes. */
  readonly callDeadlineMs?: number;
}

const faults: readonly Fault[] = [
  {
    name: 'takes the change and never says so',
    mode: { kind: 'cutAfterRequest', match: /COMMIT/ },
    answer: /^TARGET_UNREACHABLE$/,
    isShort: true,
  },
  {
    name: 'refuses every connection',
    mode: { kind: 'refuse' },
    answer: /^TARGET_UNREACHABLE$/,
    isShort: false,
  },
  { name: 'resets every connection', mode: { kind: 'reset' }, answer: /^TARGET_UNREACHABLE$/, isShort: false },
  {
    name: 'takes connections and never answers',
    mode: { kind: 'blackHole' },
    answer: /^(TARGET_UNREACHABLE|DEADLINE_EXCEEDED)$/,
    isShort: false,
    callDeadlineMs: 60_000,
  },
  { name: 'answers late', mode: { kind: 'delay', delayMs: 200 }, answer: /^ok$/, isShort: false },
];

describe('a target', () => {
  for (const { name, mode, answer, isShort, callDeadlineMs } of faults) {
    it.skipIf(!isLong && !isShort)(
      `that ${name} leaves every rotation with one credential that works, in whatever it was asked to do`,
      { timeout: 600_000 },
      async (context) => {
        let proxy: TcpProxy | undefined;
        const stopped = await stoppedAt(
          points,
          {
            queue: 'postgres',
            via: async ({ targetPort }) => {
              proxy = await startTcpProxy({ host: '127.0.0.1', port: targetPort });
              onTestFinished(async () => proxy?.stop());
              return { targetPort: proxy.port };
            },
          },
          callDeadlineMs === undefined ? {} : { callDeadlineMs },
        );
        await proxy?.setMode(mode);
        stopped.goOn();
        const answers = await answersAtLast(stopped);
        // On a busy machine a lease may end while its worker is stopped: the call is late then, and refused.
        expect(answers.filter((each) => !answer.test(each) && each !== 'STALE_EPOCH')).toEqual([]);
        expect(answers.filter((each) => answer.test(each)).length).toBeGreaterThan(0);
        if (mode.kind === 'cutAfterRequest') expect(proxy?.cuts).toBeGreaterThan(0);
        // Who answers late goes on doing so.
        if (mode.kind !== 'delay') await proxy?.setMode({ kind: 'pass' });
        await endsAsPromised(context, `target that ${name}`, stopped);
      },
    );
  }
});
