import { isKeyturnError } from '../core/errors.js';

/** What is waited for, and who waits for it. */
interface Asked<In, Out> {
  readonly one: In;
  readonly resolve: (answer: Out) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Does in one call what each asks for by itself: while one call is under way the next ones gather. `work` answers in the order
 * of what it was given.
 *
 * *Errors*: what goes wrong goes wrong for each of the call; where the database has refused it, so that nothing of it was done,
 * each is tried by itself, and one that cannot be written takes no other with it.
 */
export function gathered<In, Out>(
  work: (all: readonly In[]) => Promise<readonly Out[]>,
  mostAtOnce: number,
): (one: In) => Promise<Out> {
  const waiting: Asked<In, Out>[] = [];
  let isUnderWay = false;

  const together = async (all: readonly Asked<In, Out>[]): Promise<void> => {
    try {
      const answers = await work(all.map(({ one }) => one));
      for (const [index, { resolve, reject }] of all.entries()) {
        const answer = answers[index];
        if (answer === undefined) reject(new TypeError('there is an answer for each'));
        else resolve(answer);
      }
    } catch (thrown) {
      if (all.length > 1 && isKeyturnError(thrown) && thrown.code === 'STATE_REFUSED')
        for (const each of all) await together([each]);
      else for (const { reject } of all) reject(thrown);
    }
  };
  const drain = async (): Promise<void> => {
    isUnderWay = true;
    while (waiting.length > 0) await together(waiting.splice(0, mostAtOnce));
    isUnderWay = false;
  };

  return (one) =>
    new Promise((resolve, reject) => {
      waiting.push({ one, resolve, reject });
      if (!isUnderWay) void drain();
    });
}
