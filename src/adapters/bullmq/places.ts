/** A bounded number of places; who finds none waits for one. First come, first served. */
export interface Places {
  /** Runs the work in a place of its own. */
  readonly within: (work: () => Promise<void>) => Promise<void>;
}

/** Makes places that outlive the queue's workers, so that a worker built anew does not double what runs at one time. */
export function places(count: number): Places {
  let free = count;
  const waiting: (() => void)[] = [];
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };
  return {
    within: async (work) => {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        await work();
      } finally {
        leave();
      }
    },
  };
}
