-- take_deliveries(deliveries, others, ms): takes webhooks whose time has come, so that nobody else sends them for so long: those
-- that are named, and beside them so many others at most, those that are due the longest. No row for one whose time has not
-- come, whose endpoint is gone, declared no more, or rests, or has as many under way as it may; then it stays due.
-- Always endpoints first and then webhooks; those of the named are waited for in the order of their names, as below. What
-- another worker is just at is none of the others: nobody waits for it. Who has locked an endpoint is the only one who takes of
-- it and writes down, so that each statement after the lock sees what is so.
-- take_delivery stays for workers of the version before, until they are restarted.
-- Planned with each call: a plan that was made while there were few webhooks reads all of them once for each endpoint.
CREATE FUNCTION keyturn.take_deliveries(p_deliveries text[], p_others integer, p_for_ms double precision)
RETURNS TABLE (
  "deliveryId" text, environment text, endpoint text, url text, "webhookId" text, body text, attempt integer, asked integer,
  "nowMs" double precision)
LANGUAGE plpgsql SET search_path = keyturn, pg_temp SET plan_cache_mode = 'force_custom_plan' AS $$
#variable_conflict use_column
DECLARE
  v_environments text[];
  v_names text[];
  v_now timestamptz;
BEGIN
  IF p_deliveries <> '{}' THEN
    PERFORM FROM webhook_endpoints AS e
     WHERE (e.environment, e.name) IN (
       SELECT d.environment, d.endpoint FROM deliveries AS d WHERE d.delivery_id = ANY (p_deliveries))
     ORDER BY e.environment, e.name FOR NO KEY UPDATE OF e;
    v_now := clock_timestamp();
    RETURN QUERY
      WITH named AS (
        SELECT d.delivery_id, e.url, row_number() OVER (PARTITION BY d.environment, d.endpoint ORDER BY d.next_at)
               + (SELECT count(*) FROM deliveries AS u
                   WHERE u.environment = e.environment AND u.endpoint = e.name AND u.taken_until > v_now
                     AND u.delivery_id <> d.delivery_id) AS place,
               endpoint_places(e.failures) AS places
          FROM deliveries AS d JOIN webhook_endpoints AS e ON e.environment = d.environment AND e.name = d.endpoint
         WHERE d.delivery_id = ANY (p_deliveries) AND d.outcome IS NULL AND d.next_at <= v_now
           AND e.declared AND NOT e.gone AND (e.rests_until IS NULL OR e.rests_until <= v_now)
      )
      UPDATE deliveries AS d
         SET attempt = d.attempt + 1, rung_at = NULL, status = NULL, latency_ms = NULL,
             taken_until = v_now + p_for_ms * interval '1 millisecond', next_at = v_now + p_for_ms * interval '1 millisecond'
        FROM named AS n
       WHERE d.delivery_id = n.delivery_id AND n.place <= n.places
      RETURNING d.delivery_id, d.environment, d.endpoint, n.url, d.webhook_id, d.body, d.attempt, d.asked,
        keyturn.to_ms(clock_timestamp());
  END IF;
  IF p_others <= 0 THEN RETURN; END IF;

  v_now := clock_timestamp();
  -- One that has no place left is passed over, or the backlogs of slow endpoints would keep everybody from the others.
  SELECT array_agg(o.environment), array_agg(o.name) INTO v_environments, v_names
    FROM (SELECT e.environment, e.name
            FROM webhook_endpoints AS e
            LEFT JOIN (SELECT d.environment, d.endpoint, count(*) AS under_way FROM deliveries AS d
                        WHERE d.taken_until > v_now GROUP BY d.environment, d.endpoint) AS u
              ON u.environment = e.environment AND u.endpoint = e.name
           CROSS JOIN LATERAL (
              SELECT w.next_at FROM deliveries AS w
               WHERE w.environment = e.environment AND w.endpoint = e.name AND w.outcome IS NULL AND w.next_at <= v_now
               ORDER BY w.next_at LIMIT 1) AS oldest
           WHERE e.declared AND NOT e.gone AND (e.rests_until IS NULL OR e.rests_until <= v_now)
             AND endpoint_places(e.failures) > coalesce(u.under_way, 0)
           ORDER BY oldest.next_at LIMIT p_others FOR NO KEY UPDATE OF e SKIP LOCKED) AS o;
  IF v_names IS NULL THEN RETURN; END IF;
  v_now := clock_timestamp();
  RETURN QUERY
    WITH others AS (
      SELECT d.delivery_id, e.url
        FROM unnest(v_environments, v_names) AS o (environment, name)
        JOIN webhook_endpoints AS e ON e.environment = o.environment AND e.name = o.name
       CROSS JOIN LATERAL (
         SELECT w.delivery_id, w.next_at FROM deliveries AS w
          WHERE w.environment = e.environment AND w.endpoint = e.name AND w.outcome IS NULL AND w.next_at <= v_now
          ORDER BY w.next_at LIMIT greatest(0, endpoint_places(e.failures) - (
            SELECT count(*) FROM deliveries AS u
             WHERE u.environment = e.environment AND u.endpoint = e.name AND u.taken_until > v_now))) AS d
       ORDER BY d.next_at LIMIT p_others
    )
    UPDATE deliveries AS d
       SET attempt = d.attempt + 1, rung_at = NULL, status = NULL, latency_ms = NULL,
           taken_until = v_now + p_for_ms * interval '1 millisecond', next_at = v_now + p_for_ms * interval '1 millisecond'
      FROM others AS o
     WHERE d.delivery_id = o.delivery_id
    RETURNING d.delivery_id, d.environment, d.endpoint, o.url, d.webhook_id, d.body, d.attempt, d.asked,
      keyturn.to_ms(clock_timestamp());
END
$$;

-- record_deliveries(tries): writes down how tries went, each as record_delivery does; one row for each, in their order. In:
-- [{"deliveryId","url","asked","outcome","status","reason","tookMs","againInMs"}…]. Their endpoints are locked first and in
-- the order of their names, so that two who write for the same ones do not wait for each other in a circle.
CREATE FUNCTION keyturn.record_deliveries(p_tries jsonb)
RETURNS TABLE (kind text, next text, "restsMs" double precision, "gaveUp" integer)
LANGUAGE plpgsql SET search_path = keyturn, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM FROM webhook_endpoints AS e
   WHERE (e.environment, e.name) IN (
     SELECT d.environment, d.endpoint FROM deliveries AS d
      WHERE d.delivery_id IN (SELECT t->>'deliveryId' FROM jsonb_array_elements(p_tries) AS t))
   ORDER BY e.environment, e.name FOR NO KEY UPDATE OF e;
  RETURN QUERY
    SELECT r.kind, r.next, r."restsMs", r."gaveUp"
      FROM jsonb_array_elements(p_tries) WITH ORDINALITY AS each (t, place)
     CROSS JOIN LATERAL keyturn.record_delivery(
       t->>'deliveryId', t->>'url', (t->>'asked')::integer, t->>'outcome', (t->>'status')::integer, t->>'reason',
       (t->>'tookMs')::double precision, (t->>'againInMs')::double precision) AS r
     ORDER BY each.place;
END
$$;
