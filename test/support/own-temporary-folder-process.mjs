// Loaded into a child process after its loader, whose cache stays with those of everybody: what the process itself puts
// among the temporary files is in a folder of its rig's, which is scanned. Built processes are given TMPDIR at once.
const folder = process.env.KEYTURN_TEST_TEMPORARY_FOLDER;
if (folder === undefined) throw new Error('KEYTURN_TEST_TEMPORARY_FOLDER names no folder');
process.env.TMPDIR = folder;
