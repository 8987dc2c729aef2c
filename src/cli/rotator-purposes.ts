/** What each rotator that is shipped is for, by its folder; a test keeps the two equal. */
export const rotatorPurposes: Readonly<Record<string, string>> = {
  'api-key': 'API keys that a provider makes and shows once, over HTTP by declaration',
  mariadb: 'MariaDB 10.5 and later: an account for each rotation, which acts as one role',
  postgres: 'PostgreSQL 15 to 18: two login roles under one owner, or one login in place',
  random: 'random tokens, checked against a folder of digests; the one to copy',
  redis: 'Redis 7 and Valkey: an account for each rotation, with rights from the configuration',
  'signing-key': 'keys that sign by HMAC, webhooks among them: one file for each key in a folder',
};
