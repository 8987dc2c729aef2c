import { constants, setPriority } from 'node:os';
import { type Campaign, type Said, runPart } from './campaign.js';

// A part of a campaign in a process of its own: its arguments are the campaign and which part, as JSON.
const [campaign, part] = process.argv.slice(2).map((argument) => JSON.parse(argument) as unknown);
// It computes and waits for nobody: suites beside it hold leases of seconds.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
// Errors are part of a course, some hundred of each seed: nobody reads their stacks. Whoever replays a finding has them.
Error.stackTraceLimit = 0;
const parent = process.ppid;
const say = (said: Said): void => {
  // Seeds run without a turn of the event loop, so that nothing else tells that the campaign was killed.
  if (process.ppid !== parent) process.exit(1);
  process.send?.(said);
};
const tally = runPart(campaign as Campaign, part as { index: number; of: number }, {
  progress: (done, violations) => say({ kind: 'progress', done, violations }),
  found: (finding) => say({ kind: 'found', finding }),
});
process.send?.({ kind: 'ended', tally } satisfies Said, () => process.disconnect());
