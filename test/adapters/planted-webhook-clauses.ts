import { type PlantedClause, clause } from './planted-clause.js';

const deliveries = 'src/adapters/postgres/migrations/0012_endpoint_rest.sql';

/** The clauses by which webhooks are owed to an endpoint, taken, and written down. */
export const plantedWebhookClauses: readonly PlantedClause[] = [
  clause(
    'an endpoint that is gone is told',
    deliveries,
    'AND e.declared AND NOT e.gone\n    AND (e.events IS NULL OR told',
    'AND e.declared\n    AND (e.events IS NULL OR told',
  ),
  clause(
    'a webhook is taken twice',
    deliveries,
    "next_at = v_now + p_for_ms * interval '1 millisecond'",
    "next_at = d.next_at + p_for_ms * interval '0 millisecond'",
  ),
  clause(
    'a webhook that was delivered is taken',
    deliveries,
    'AND d.outcome IS NULL AND d.next_at <= v_now\n    RETURNING',
    'AND d.next_at <= v_now\n    RETURNING',
  ),
  clause(
    'a webhook is sent to who is gone',
    deliveries,
    'e.declared AND NOT e.gone FOR NO KEY UPDATE OF e;',
    'e.declared FOR NO KEY UPDATE OF e;',
  ),
  clause('a webhook is sent to who rests', deliveries, 'v_place.rests_until > v_now OR v_under_way', 'v_under_way'),
  clause(
    'an endpoint has more under way than it may',
    deliveries,
    'OR v_under_way >= endpoint_places(v_place.failures) THEN',
    'THEN',
  ),
  clause(
    'a webhook is sent to who does not want it',
    deliveries,
    "AND (e.events IS NULL OR told.w->>'type' = ANY (e.events))",
    '',
  ),
  clause(
    'a late answer changes how it ended',
    deliveries,
    'd.outcome IS NULL AND d.asked = p_asked FOR NO KEY UPDATE',
    'd.asked = p_asked FOR NO KEY UPDATE',
  ),
  clause(
    'a try that was overtaken says how it ended',
    deliveries,
    'd.outcome IS NULL AND d.asked = p_asked FOR NO KEY UPDATE',
    'd.outcome IS NULL FOR NO KEY UPDATE',
  ),
  clause(
    'who is gone at an old address is gone',
    deliveries,
    "IF kind = 'written' AND v_place.url = p_url THEN",
    "IF p_url <> '' THEN",
  ),
  clause(
    'what an old address did not want is told to nobody',
    deliveries,
    "IF p_outcome = 'gone' AND v_place.url <> p_url THEN",
    'IF false THEN',
  ),
];
