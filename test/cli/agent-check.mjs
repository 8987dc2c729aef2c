// Logs in with what the file holds; with an eighth argument also asks whether the application uses it. 0: yes, 1: no.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [repository, file, host, port, database, using] = process.argv.slice(2);
const pg = createRequire(`${repository}/package.json`)('pg');
const { username, password } = JSON.parse(readFileSync(file, 'utf8'));
const client = new pg.Client({ host, port: Number(port), database, user: username, password });
try {
  await client.connect();
} catch (error) {
  process.exit(['28P01', '28000'].includes(error.code) ? 1 : 75);
}
await client.end();
if (using !== undefined && readFileSync(using, 'utf8') !== username) process.exit(1);
