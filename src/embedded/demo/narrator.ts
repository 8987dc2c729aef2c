import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import type { Recorded } from '../../core/rotation-event.js';
import { tellEvent } from './tell-event.js';
import { WaitingLines } from './waiting-lines.js';

/** Tells what is going on, line by line; on a terminal with a last line that shows the applications at work. */
export class Narrator {
  readonly #out: Writable;
  readonly #isInteractive: boolean;
  #status = '';

  constructor(out: Writable, { isInteractive }: { readonly isInteractive: boolean }) {
    this.#out = out;
    this.#isInteractive = isInteractive;
  }

  /** Begins a part. */
  heading(text: string): void {
    this.#write(`\n${this.#styled('bold', text)}\n`);
  }

  /** One thing that happened outside of a rotation. */
  line(text: string): void {
    this.#write(`  ${text}\n`);
  }

  /** A function that tells the events of one rotation, with the time since it was asked for. */
  timeline(hasOld: boolean): { readonly show: (event: Recorded) => void; readonly note: (text: string) => void } {
    let startedMs: number | undefined;
    let lastMs = 0;
    const waiting = new WaitingLines();
    const entry = (atMs: number, step: string, text: string): void => {
      lastMs = atMs;
      const after = `+${((atMs - (startedMs ?? atMs)) / 1000).toFixed(2)} s`;
      this.#write(`  ${this.#styled('dim', after.padStart(9))}  ${this.#styled('cyan', step.padEnd(9))}  ${text}\n`);
    };
    return {
      show: ({ event, atMs }) => {
        startedMs ??= atMs;
        for (const line of waiting.linesOf(event)) entry(atMs, line.step, line.text);
        const told = tellEvent(event, hasOld);
        if (told !== undefined) entry(atMs, told.step, told.text);
      },
      // The database's clock is this machine's; never before what was told last.
      note: (text) => entry(Math.max(lastMs, Date.now()), '', this.#styled('yellow', text)),
    };
  }

  /** The last line of a terminal; nowhere else. */
  status(text: string): void {
    if (!this.#isInteractive) return;
    // A line that wraps could not be taken away again.
    const { columns } = this.#out as { readonly columns?: number };
    this.#status = text.slice(0, (columns ?? 80) - 1);
    this.#out.write(`\r\u001b[2K${this.#styled('dim', this.#status)}`);
  }

  /** A line that says whether something holds. */
  verdict(holds: boolean, text: string): void {
    this.#write(`  ${holds ? this.#styled('green', 'kept  ') : this.#styled('red', 'BROKEN')}  ${text}\n`);
  }

  /** Takes the last line away. */
  close(): void {
    if (this.#status !== '') this.#out.write('\r\u001b[2K');
    this.#status = '';
  }

  #write(text: string): void {
    const status = this.#status;
    this.#out.write(status === '' ? text : `\r\u001b[2K${text}${this.#styled('dim', status)}`);
  }

  #styled(style: 'bold' | 'dim' | 'cyan' | 'green' | 'red' | 'yellow', text: string): string {
    return this.#isInteractive ? styleText(style, text) : text;
  }
}
