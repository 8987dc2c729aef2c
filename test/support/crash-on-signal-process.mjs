// Loaded into a process of a test before anything else: SIGALRM is an exception that nobody catches, of which Node writes
// down all it can. Asked for here, because the command tells such an exception in a line of its own and ends.
process.on('SIGALRM', () => {
  const crash = new Error('a crash that the test has asked for');
  process.report.writeReport(undefined, crash);
  throw crash;
});
