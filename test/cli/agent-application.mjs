// An application that cannot be changed: it reads its file when it starts and on SIGHUP, logs in with it, and writes down
// as whom. Its arguments: the package whose libraries it uses, the file, where its database is, and its own folder.
import { renameSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [repository, file, host, port, database, folder] = process.argv.slice(2);
const pg = createRequire(`${repository}/package.json`)('pg');

async function load() {
  const { username, password } = JSON.parse(readFileSync(file, 'utf8'));
  const client = new pg.Client({ host, port: Number(port), database, user: username, password });
  await client.connect();
  await client.end();
  writeFileSync(join(folder, 'using.part'), username);
  renameSync(join(folder, 'using.part'), join(folder, 'using'));
}

process.on('SIGHUP', () => void load());
await load();
writeFileSync(join(folder, 'application.pid'), `${process.pid}\n`);
setInterval(() => {}, 1000);
