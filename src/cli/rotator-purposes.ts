/** What each rotator that is shipped is for, by its folder; a test keeps the two equal. */
export const rotatorPurposes: Readonly<Record<string, string>> = {
  postgres: 'PostgreSQL 15 to 18: two login roles under one owner, or one login in place',
  random: 'random tokens, checked against a folder of digests; the one to copy',
};
