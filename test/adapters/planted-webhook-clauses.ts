import { type PlantedClause, clause } from './planted-clause.js';

const deliveries = 'src/adapters/postgres/migrations/0012_endpoint_rest.sql';
const together = 'src/adapters/postgres/migrations/0016_deliveries_together.sql';

/** The clauses by which webhooks are owed to an endpoint, taken, and written down. */
export const plantedWebhookClauses: readonly PlantedClause[] = [
  clause(
    'an endpoint that is gone is told',
    deliveries,
    'AND e.declared AND NOT e.gone\n    AND (e.events IS NULL OR told',
    'AND e.declared\n    AND (e.events IS NULL OR told',
  ),
  clause(
    'a webhook that was named is taken twice',
    together,
    "next_at = v_now + p_for_ms * interval '1 millisecond'\n        FROM named AS n",
    'next_at = d.next_at\n        FROM named AS n',
  ),
  clause(
    'a webhook is taken twice',
    together,
    "next_at = v_now + p_for_ms * interval '1 millisecond'\n      FROM others AS o",
    'next_at = d.next_at\n      FROM others AS o',
  ),
  clause(
    'a webhook that was delivered is taken where it is named',
    together,
    'ANY (p_deliveries) AND d.outcome IS NULL AND d.next_at <= v_now',
    'ANY (p_deliveries) AND d.next_at <= v_now',
  ),
  clause(
    'a webhook that was put off is taken where it is named',
    together,
    'ANY (p_deliveries) AND d.outcome IS NULL AND d.next_at <= v_now',
    'ANY (p_deliveries) AND d.outcome IS NULL',
  ),
  clause(
    'a webhook that was delivered is taken',
    together,
    'AND w.outcome IS NULL AND w.next_at <= v_now\n          ORDER BY w.next_at LIMIT greatest',
    'AND w.next_at <= v_now\n          ORDER BY w.next_at LIMIT greatest',
  ),
  clause(
    'a named webhook is sent to who is gone',
    together,
    'AND e.declared AND NOT e.gone AND (e.rests',
    'AND e.declared AND (e.rests',
  ),
  clause(
    'a named webhook is sent to who rests',
    together,
    'AND e.declared AND NOT e.gone AND (e.rests_until IS NULL OR e.rests_until <= v_now)',
    'AND e.declared AND NOT e.gone',
  ),
  clause(
    'a webhook is sent to who is gone',
    together,
    'WHERE e.declared AND NOT e.gone AND (e.rests',
    'WHERE e.declared AND (e.rests',
  ),
  clause(
    'a webhook is sent to who rests',
    together,
    'WHERE e.declared AND NOT e.gone AND (e.rests_until IS NULL OR e.rests_until <= v_now)',
    'WHERE e.declared AND NOT e.gone',
  ),
  clause(
    'an endpoint has more named webhooks under way than it may',
    together,
    'd.delivery_id = n.delivery_id AND n.place <= n.places',
    'd.delivery_id = n.delivery_id',
  ),
  clause(
    'an endpoint has more under way than it may',
    together,
    'LIMIT greatest(0, endpoint_places(e.failures) - (\n',
    'LIMIT greatest(0, endpoint_places(e.failures) - 0 * (\n',
  ),
  clause(
    'endpoints without a place keep everybody from the others',
    together,
    'AND endpoint_places(e.failures) > coalesce(u.under_way, 0)',
    '',
  ),
  clause(
    'who takes waits for who takes',
    together,
    'LIMIT p_others FOR NO KEY UPDATE OF e SKIP LOCKED',
    'LIMIT p_others',
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
