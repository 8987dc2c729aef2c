import type { Async, Journal } from '../ports/journal.js';
import type { JournalSubscriber } from './log-journal.js';

/** Rotations whose secret is remembered, so that a line can name it without reading the journal again. */
const maxRemembered = 1_000;

/** Tells a subscriber of every event after its commit: log what you journal, and nothing that was not written. */
export function toldJournal(journal: Async<Journal>, tell: JournalSubscriber): Async<Journal> {
  const secrets = new Map<string, string>();
  return {
    load: async (rotationId) => {
      const loaded = await journal.load(rotationId);
      const first = loaded?.events[0]?.event;
      if (first?.kind === 'RotationRequested') {
        const [oldest] = secrets.keys();
        if (secrets.size >= maxRemembered && oldest !== undefined) secrets.delete(oldest);
        secrets.set(rotationId, first.plan.secret);
      }
      return loaded;
    },
    append: async (append) => {
      const appended = await journal.append(append);
      if (appended.kind === 'appended') {
        const { rotationId, epoch, events } = append;
        const firstSeq = appended.seq - events.length + 1;
        const recorded = events.map((event, index) => ({ seq: firstSeq + index, atMs: appended.atMs, epoch, event }));
        tell(rotationId, secrets.get(rotationId) ?? '', recorded);
        if (events.at(-1)?.kind === 'RotationClosed') secrets.delete(rotationId);
      }
      return appended;
    },
  };
}
