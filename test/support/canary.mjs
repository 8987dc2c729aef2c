// Marks every value that a rotator generates while tests run, so that a scan for leaks needs no list of values: what was
// rolled back, destroyed, or lost in a crash before anybody wrote it down is known all the same.
// Randomness is where the mark comes in, as libfaketime does it with time: the shipped code runs as it is. Plain
// JavaScript, because it is loaded by built processes too, which know no TypeScript.
import crypto from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** Stands at every sixteenth character of a generated value, so that 23 characters of it in a row hold it whole. */
export const marker = 'Kt9vCnRy';

/** A value as a rotator generates it under {@link plantCanary}, for a test that plants one. */
export function canary() {
  return Array.from({ length: 32 }, (_, at) => (isMarked(at) ? markerAt(at) : randomLetter())).join('');
}

/** Names the file that grows by a line for each marked value, where the environment has one. */
export const tallyVariable = 'KEYTURN_TEST_CANARY_TALLY';

/** What the environment of a child process needs, for its values to be counted with those of the run. */
export function canaryTally() {
  const file = process.env[tallyVariable];
  return file === undefined ? {} : { [tallyVariable]: file };
}

const blockChars = 16;
const trueRandomBytes = crypto.randomBytes;

/**
 * Who generates values, by what they ask for: the file, and the bytes that come out of it as the marked text. Whoever
 * else asks for random bytes (a salt, a nonce, a name) gets random bytes.
 */
const generators = [
  { file: /rotators\/postgres\/password\.[jt]s/, asks: () => true, markedBytes: forPassword },
  { file: /rotators\/random\/index\.[jt]s/, asks: (size) => size === 32, markedBytes: forBase64url },
  { file: /rotators\/(redis|mariadb|signing-key)\/connection\.[jt]s/, asks: () => true, markedBytes: forBase64url },
];

/** Marks values from now on. *Repeat*: harmless. */
export function plantCanary() {
  crypto.randomBytes = function randomBytes(size, callback) {
    const generator = callback === undefined ? generatorOf(callerOf(randomBytes), size) : undefined;
    if (generator === undefined) return trueRandomBytes(size, callback);
    const tally = process.env[tallyVariable];
    if (tally !== undefined) appendFileSync(tally, 'value\n');
    return generator.markedBytes(size);
  };
  syncBuiltinESMExports();
}

/** Gives true randomness back: for tests of a generator itself. */
export function liftCanary() {
  crypto.randomBytes = trueRandomBytes;
  syncBuiltinESMExports();
}

function generatorOf(caller, size) {
  return generators.find(({ file, asks }) => file.test(caller) && asks(size));
}

/** Where this function was called from: a line of the stack, or the file it came from where many were put into one. */
function callerOf(called) {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  const at = {};
  Error.captureStackTrace(at, called);
  Error.stackTraceLimit = limit;
  const line = `${at.stack}`;
  const [, file, number] = /file:\/\/(\S*\.keyturn-bundles\/\S+?):(\d+)/.exec(line) ?? [];
  return file === undefined ? line : sourceIn(file, Number(number));
}

const bundles = new Map();

/** The comment that stands before what came from a file names it. */
function sourceIn(bundle, number) {
  if (!bundles.has(bundle)) bundles.set(bundle, readFileSync(bundle, 'utf8').split('\n'));
  const lines = bundles.get(bundle);
  for (let at = number - 1; at >= 0; at -= 1) {
    const [, source] = /^ *\/\/ (\S+\.[cm]?[jt]s)$/.exec(lines[at]) ?? [];
    if (source !== undefined) return `${source}:`;
  }
  return bundle;
}

/** The generator takes the remainder by 62 of each byte below 248 as the place in its alphabet, and skips the others. */
function forPassword(size) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const random = trueRandomBytes(size);
  return Buffer.from(random.map((byte, at) => (isMarked(at) ? alphabet.indexOf(markerAt(at)) : byte % 248)));
}

/** The generator writes the bytes in base64url. */
function forBase64url(size) {
  const random = trueRandomBytes(size).toString('base64url');
  return Buffer.from([...random].map((char, at) => (isMarked(at) ? markerAt(at) : char)).join(''), 'base64url');
}

const randomLetter = () => String.fromCharCode(97 + crypto.randomInt(26));

/** The last character of base64 stands for fewer bits than the others and is left alone. */
const isMarked = (at) => at % blockChars < marker.length;
const markerAt = (at) => marker[at % blockChars];
