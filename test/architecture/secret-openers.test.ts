import ts from 'typescript';
import { expect, test } from 'vitest';
import type { SourceFile } from './source-tree.js';
import { readSources, walk } from './source-tree.js';

/**
 * Every file that opens a `Secret`, and why it must. A new one is a line here, and a question in the review.
 * A file that no longer opens any must leave the list.
 */
const openers: Readonly<Record<string, string>> = {
  'src/testing/shown-value.ts': 'looks for the bytes of a value in what is shown',
  'src/testing/obligations/declared.ts': 'counts the bytes of a value',
  'src/testing/obligations/making.ts': 'counts the bytes of values and tells them apart',
  'rotators/random/index.ts': 'the target keeps a digest of the bytes',
  'rotators/postgres/scram.ts': 'derives the verifier the server keeps from the bytes',
  'rotators/postgres/session.ts': 'the driver logs in with a string, forgotten once the login is over',
  'rotators/mariadb/connection.ts': 'the server is sent a digest of the bytes, and keeps nothing else',
  'rotators/mariadb/session.ts': 'the driver logs in with a string, forgotten once the login is over',
  'rotators/redis/connection.ts': 'the server is sent a digest of the bytes, and keeps nothing else',
  'rotators/redis/session.ts': 'AUTH sends the bytes',
  'rotators/signing-key/connection.ts': 'whoever verifies a MAC needs the key itself, and finds it in the folder',
  'rotators/api-key/placeholders.ts':
    'HTTP takes text: credentials stand in headers and bodies, forgotten once they are sent',
  'src/adapters/memory/ports.ts': 'stands in for the keyring and seals by copying the bytes',
  'src/adapters/memory/store.ts': 'tells versions apart by a digest of their bytes',
  'src/cli/commands/token.ts': 'shows the secret half of a new access key, once, to who made it',
  'src/core/credential.ts': 'writes and reads the document that consumers parse',
  'src/core/scrub.ts': 'a value can only be cut out of a text by whoever knows it',
  'src/core/secret.ts': 'the type itself',
  'src/embedded/demo/login.ts': 'the sample application and the probe log in with a driver that takes a string',
  'src/adapters/bullmq/postgres-backend.ts': 'the driver takes the password of the queue as text',
  'src/adapters/postgres/connection.ts': 'the driver takes the password of the state database as text',
  'src/main/own-login.ts': 'the login of our own database is written into a file, in bytes',
  'src/adapters/bullmq/redis-backend.ts': 'the driver takes the password of the queue as text',
  'src/adapters/child/channel.ts': 'a value crosses to the process of an isolated rotator as bytes',
  'src/adapters/http/checks.ts': 'HTTP takes text: a bearer token stands in a header, forgotten once it is sent',
  'src/adapters/http/consumer-proof.ts': 'compares the proof of a consumer with the one the value gives, in bytes',
  'src/adapters/http/consumer-words.ts': 'looks for the value in what a consumer says, in bytes',
  'src/adapters/http/late-answers.ts': 'reads what a consumer says in an ack, which may quote the value',
  'src/adapters/http/signing.ts': 'signs webhooks and challenges, in bytes',
  'src/adapters/postgres/store/parameters.ts': 'the tier of a parameter follows from how many bytes its value has',
  'src/adapters/aws/ssm-calls.ts': 'the SDK takes the value of a put as text',
  'src/adapters/aws/ssm-value.ts': 'counts the bytes of a document and looks for what SSM refuses in it',
  'src/main/demo-ssm.ts': 'the processes of the demo sign with the access keys it made for them',
  'src/ssm-server/answer.ts': 'who may read a value is given it, in JSON',
  'src/ssm-server/sigv4.ts': 'derives the key that signs a request from the bytes of an access key',
  'src/cli/commands/exec.ts': 'the environment of a process is text, and the child reads nothing else',
  'src/cli/commands/store/export.ts': 'an export is one document, which is sealed whole',
  'src/core/parameter-export.ts': 'reads the document of an export',
  'src/cli/plain-value.ts': 'what is put must be text of the form that was declared',
  'src/cli/value-outlet.ts': 'who asks for a value is given it, where they said it is to go',
  'src/adapters/local-keyring/local-keyring.ts': 'seals values and makes their digests, in bytes',
};

/** The files that name `openSecret`, under whatever local name they import or re-export it. */
function opening(files: readonly SourceFile[]): readonly string[] {
  return files
    .filter((file) => {
      let opens = false;
      walk(file, (node) => {
        if (ts.isIdentifier(node) && node.text === 'openSecret' && !isReExport(node)) opens = true;
        if (ts.isStringLiteralLike(node) && node.text === 'keyturn.secret.open') opens = true;
        // Bound whole, a module hands out everything in it: `secrets.openSecret` is seen above, `secrets[name]` here.
        if (ts.isElementAccessExpression(node) && bindsSecretModule(file, node.expression.getText())) opens = true;
      });
      return opens;
    })
    .map(({ path }) => path);
}

/** `export { openSecret } from …` hands the function on and opens nothing. */
const isReExport = (node: ts.Identifier): boolean =>
  ts.isExportSpecifier(node.parent) && node.parent.parent.parent.moduleSpecifier !== undefined;

const bindsSecretModule = (file: SourceFile, name: string): boolean =>
  new RegExp(`import \\* as ${name.replace(/\W/g, '')} from '[^']*(secret\\.js|keyturn/rotator)'`).test(file.text);

const sources = readSources('src', 'rotators', 'workflows', 'examples');

test('only the files listed here open a Secret', () => {
  expect(opening(sources).filter((path) => !(path in openers))).toEqual([]);
});

test('every file listed here still opens one', () => {
  const found = opening(sources);

  expect(Object.keys(openers).filter((path) => !found.includes(path))).toEqual([]);
});

test('every file listed here has its reason', () => {
  expect(Object.entries(openers).filter(([, reason]) => reason.trim().length < 8)).toEqual([]);
});

test.each([
  "import { openSecret } from '../core/secret.js';\nexport const leak = (s: never) => openSecret(s);",
  "import { openSecret as open } from '../core/secret.js';\nexport const leak = open;",
  "import * as secrets from '../core/secret.js';\nexport const leak = secrets.openSecret;",
  "import * as secrets from '../core/secret.js';\nexport const leak = secrets['open' + 'Secret'];",
  "export const leak = (s: never) => s[Symbol.for('keyturn.secret.open')]();",
])('a file that opens a Secret by `%s` is found', (text) => {
  expect(opening([{ path: 'src/engine/planted.ts', text }])).toEqual(['src/engine/planted.ts']);
});

test('the contract hands the way in to rotators without opening anything', () => {
  const text = "export { openSecret } from '../core/secret.js';";

  expect(opening([{ path: 'src/contract/planted.ts', text }])).toEqual([]);
});
