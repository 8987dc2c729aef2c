import { describeWithRedis } from '../../support/shared-redis.js';
import { redisUnderTest } from './queue-under-test.js';
import { outageCases } from './outage-cases.js';
import { wakeupCases } from './wakeup-cases.js';

describeWithRedis('wakeups on Redis', (url) => {
  wakeupCases(async () => redisUnderTest(url));
  outageCases(async () => redisUnderTest(url));
});
