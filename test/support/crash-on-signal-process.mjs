// Loaded into a process of a test before anything else: SIGALRM is an exception that nobody catches.
process.on('SIGALRM', () => {
  throw new Error('a crash that the test has asked for');
});
