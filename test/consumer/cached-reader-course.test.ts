import * as fc from 'fast-check';
import { type Reading, cachedReaderDefaults as defaults, createCachedReader } from 'keyturn/consumer';
import { expect, test } from 'vitest';
import { reportFigure } from '../support/figures.js';

// Whatever happens at the store and in the application, in whatever order.

const name = '/prod/billing/db:current';
const kinds = ['read', 'put', 'move back', 'throttle', 'deny', 'heal', 'refuse', 'refresh'] as const;

const happening = fc.record({
  kind: fc.constantFrom(...kinds),
  afterMs: fc.oneof(fc.nat(2_000), fc.nat(120_000), fc.constant(defaults.staleMs)),
});

interface Period {
  readonly version: number;
  untilMs: number;
}

/** One reader and the store it reads, of which is kept what it answered when. */
class Course {
  nowMs = 0;
  readonly #truth: Period[] = [{ version: 1, untilMs: Infinity }];
  readonly callsMs: number[] = [];
  /** When calls failed. */
  readonly failuresMs: number[] = [];
  readonly #answers: { readonly version: number; readonly atMs: number }[] = [];
  #trouble: string | undefined;
  #newest = 1;
  readonly #reader;

  constructor(chances: readonly number[]) {
    let drawn = 0;
    this.#reader = createCachedReader({
      read: async () => {
        this.callsMs.push(this.nowMs);
        if (this.#trouble !== undefined) throw Object.assign(new Error('no'), { name: this.#trouble });
        const { version } = this.#current();
        this.#answers.push({ version, atMs: this.nowMs });
        return { value: `value ${version}`, version };
      },
      now: () => this.nowMs,
      random: () => chances[drawn++ % chances.length] ?? 0,
      onFailure: () => this.failuresMs.push(this.nowMs),
    });
  }

  async happen(kind: (typeof kinds)[number]): Promise<void> {
    switch (kind) {
      case 'read':
        return this.read();
      case 'put':
        return this.#point((this.#newest += 1));
      case 'move back':
        return this.#point(Math.max(1, this.#current().version - 1));
      case 'throttle':
        this.#trouble = 'ThrottlingException';
        return;
      case 'deny':
        this.#trouble = 'AccessDeniedException';
        return;
      case 'heal':
        this.#trouble = undefined;
        return;
      case 'refuse':
        return this.#reader.invalidate(name);
      case 'refresh':
        return this.#judged(this.#reader.refresh(name));
      default:
        return kind satisfies never;
    }
  }

  read(): Promise<void> {
    return this.#judged(this.#reader.read(name));
  }

  /** The application goes on reading once a second for a minute, and nothing else happens. */
  async aMinuteOfPeace(): Promise<void> {
    this.#trouble = undefined;
    for (let second = 0; second < 60; second += 1) {
      await this.read();
      this.nowMs += 1_000;
    }
    expect((await this.#reader.read(name)).version).toBe(this.#current().version);
  }

  async #judged(answer: Promise<Reading<string>>): Promise<void> {
    const reading = await answer.catch(() => undefined);
    // What was begun behind the answer ends on this clock.
    await new Promise((resolve) => setImmediate(resolve));
    const oldestMs = this.nowMs - defaults.staleMs;
    if (reading === undefined) {
      // The highest version is taken whenever the store answers it: who got an error could not have been given it.
      const highest = Math.max(...this.#answers.map((each) => each.version));
      expect(this.#answers.filter(({ version, atMs }) => version === highest && atMs > oldestMs)).toEqual([]);
      return;
    }
    const { value, version } = reading;
    expect(value).toBe(`value ${version}`);
    expect(this.#truth.some((each) => each.version === version && each.untilMs > oldestMs)).toBe(true);
  }

  #current(): Period {
    // There is one from the beginning, and none is taken away.
    return this.#truth.at(-1) as Period;
  }

  #point(version: number): void {
    this.#current().untilMs = this.nowMs;
    this.#truth.push({ version, untilMs: Infinity });
  }
}

test('no value is older than it may be, no call comes too soon after a failed one, and a minute of peace shows the truth', async (context) => {
  let calls = 0;
  const runs = 300;
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { maxLength: 60, size: 'max' }),
      fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 10 }),
      async (happenings, chances) => {
        const course = new Course(chances);
        for (const { kind, afterMs } of happenings) {
          course.nowMs += afterMs;
          await course.happen(kind);
        }
        await course.aMinuteOfPeace();

        for (const failedMs of course.failuresMs) {
          const next = course.callsMs.find((each) => each > failedMs);
          if (next !== undefined) expect(next - failedMs).toBeGreaterThanOrEqual(defaults.firstBackOffMs / 2);
          expect(course.callsMs.filter((each) => each === failedMs)).toHaveLength(1);
        }
        calls += course.callsMs.length;
      },
    ),
    { numRuns: runs },
  );
  reportFigure(context, `cached reader: ${runs} courses, ${calls} calls at the store`);
});
