// A process that starts a Redis and then waits to be killed. Its answer is one line of JSON.
import { startRedis } from './redis.js';

const redis = await startRedis();
process.stdout.write(`${JSON.stringify(redis)}\n`);
process.stdin.resume();
