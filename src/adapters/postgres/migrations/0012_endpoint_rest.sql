ALTER TABLE keyturn.webhook_endpoints
  -- The types of webhook it gets; null: all.
  ADD COLUMN events text[],
  -- How many tries failed in a row.
  ADD COLUMN failures integer NOT NULL DEFAULT 0,
  -- Nothing is sent there before: it has failed again and again, and would only take the time of who sends.
  ADD COLUMN rests_until timestamptz;
ALTER TABLE keyturn.deliveries
  -- Somebody sends it, for so long at most.
  ADD COLUMN taken_until timestamptz,
  -- Since when it is to be sent: since it was made, or since somebody last asked for it to be sent again.
  ADD COLUMN wanted_at timestamptz NOT NULL DEFAULT now(),
  -- A trial of an endpoint is about none.
  ALTER COLUMN secret DROP NOT NULL;
ALTER TABLE keyturn.deliveries ALTER COLUMN wanted_at SET DEFAULT clock_timestamp();
DROP INDEX keyturn.deliveries_waiting;
CREATE INDEX deliveries_due ON keyturn.deliveries (environment, endpoint, next_at) WHERE outcome IS NULL;
CREATE INDEX deliveries_under_way ON keyturn.deliveries (environment, endpoint) WHERE taken_until IS NOT NULL;

-- endpoint_places(failures): how many webhooks of an endpoint may be under way at a time.
CREATE FUNCTION keyturn.endpoint_places(p_failures integer) RETURNS integer LANGUAGE sql IMMUTABLE
RETURN CASE WHEN p_failures < 3 THEN 4 ELSE 1 END;

-- take_delivery(delivery, ms): takes a webhook whose time has come, so that nobody else sends it for so long. No row: its time
-- has not come, its endpoint is gone, declared no more, or rests, or has as many under way as it may; then it stays due.
-- Always the endpoint first and then the webhook, here and below.
CREATE FUNCTION keyturn.take_delivery(p_delivery text, p_for_ms double precision)
RETURNS TABLE (
  "deliveryId" text, environment text, endpoint text, url text, "webhookId" text, body text, attempt integer, asked integer,
  "nowMs" double precision)
LANGUAGE plpgsql SET search_path = keyturn, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_place webhook_endpoints;
  v_under_way integer;
  v_now timestamptz;
BEGIN
  SELECT e.* INTO v_place
    FROM deliveries AS d JOIN webhook_endpoints AS e ON e.environment = d.environment AND e.name = d.endpoint
   WHERE d.delivery_id = p_delivery AND e.declared AND NOT e.gone FOR NO KEY UPDATE OF e;
  IF NOT FOUND THEN RETURN; END IF;
  v_now := clock_timestamp();
  SELECT count(*) INTO v_under_way FROM deliveries AS d
   WHERE d.environment = v_place.environment AND d.endpoint = v_place.name AND d.taken_until > v_now AND d.delivery_id <> p_delivery;
  IF v_place.rests_until > v_now OR v_under_way >= endpoint_places(v_place.failures) THEN RETURN; END IF;
  RETURN QUERY
    UPDATE deliveries AS d
       SET attempt = d.attempt + 1, rung_at = NULL, status = NULL, latency_ms = NULL,
           taken_until = v_now + p_for_ms * interval '1 millisecond', next_at = v_now + p_for_ms * interval '1 millisecond'
     WHERE d.delivery_id = p_delivery AND d.outcome IS NULL AND d.next_at <= v_now
    RETURNING d.delivery_id, d.environment, d.endpoint, v_place.url, d.webhook_id, d.body, d.attempt, d.asked, keyturn.to_ms(clock_timestamp());
END
$$;

-- record_delivery(delivery, url, asked, outcome, status, reason, took ms, again in ms): writes down how a try went.
-- 'gone' silences the endpoint, unless it has another address now: then kind is 'moved', and the webhook is due at once.
-- kind 'late': another try has said how it ended, or somebody has asked for it to be sent again; nothing was changed.
-- A trial is tried once. From the third failure in a row on the endpoint rests: 10 s, twice as long each time, five minutes at
-- most, by chance a fifth more or less; "restsMs" says how long, and what is to be sent there for longer than the whole
-- schedule of tries, 76 hours, is given up: "gaveUp", at most a thousand at a time. Otherwise "next" is another webhook of
-- this endpoint that is due.
CREATE FUNCTION keyturn.record_delivery(
  p_delivery text, p_url text, p_asked integer, p_outcome text, p_status integer, p_reason text, p_took_ms double precision,
  p_again_in_ms double precision)
RETURNS TABLE (kind text, next text, "restsMs" double precision, "gaveUp" integer)
LANGUAGE plpgsql SET search_path = keyturn, pg_temp AS $$
DECLARE
  v_place webhook_endpoints;
  v_found deliveries;
  v_now timestamptz;
BEGIN
  kind := 'written';
  "gaveUp" := 0;
  SELECT e.* INTO v_place
    FROM deliveries AS d JOIN webhook_endpoints AS e ON e.environment = d.environment AND e.name = d.endpoint
   WHERE d.delivery_id = p_delivery FOR NO KEY UPDATE OF e;
  SELECT d.* INTO v_found FROM deliveries AS d
   WHERE d.delivery_id = p_delivery AND d.outcome IS NULL AND d.asked = p_asked FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    kind := 'late';
    RETURN NEXT;
    RETURN;
  END IF;
  v_now := clock_timestamp();
  IF v_found.secret IS NULL THEN p_again_in_ms := NULL; END IF;
  -- What an address said that the endpoint no longer has is nothing to it.
  IF p_outcome = 'gone' AND v_place.url <> p_url THEN kind := 'moved'; END IF;
  UPDATE deliveries AS d
     SET status = p_status, latency_ms = p_took_ms, rung_at = NULL, taken_until = NULL,
         outcome = CASE WHEN kind = 'written' AND (p_outcome <> 'failed' OR p_again_in_ms IS NULL) THEN p_outcome END,
         next_at = CASE WHEN kind = 'moved' THEN v_now
                        ELSE coalesce(v_now + p_again_in_ms * interval '1 millisecond', d.next_at) END
   WHERE d.delivery_id = p_delivery;
  INSERT INTO delivery_attempts (delivery_id, outcome, status, reason, latency_ms)
  VALUES (p_delivery, p_outcome, p_status, p_reason, p_took_ms);
  IF kind = 'written' AND v_place.url = p_url THEN
    IF p_outcome = 'gone' THEN
      UPDATE webhook_endpoints AS e SET gone = true WHERE e.environment = v_place.environment AND e.name = v_place.name;
    ELSIF p_outcome = 'delivered' AND v_place.failures > 0 THEN
      UPDATE webhook_endpoints AS e SET failures = 0, rests_until = NULL
       WHERE e.environment = v_place.environment AND e.name = v_place.name;
    ELSIF p_outcome = 'failed' THEN
      "restsMs" := CASE WHEN v_place.failures >= 2
        THEN least(10000 * 2 ^ least(v_place.failures - 2, 10), 300000) * (0.8 + 0.4 * random()) END;
      UPDATE webhook_endpoints AS e
         SET failures = v_place.failures + 1, rests_until = v_now + "restsMs" * interval '1 millisecond'
       WHERE e.environment = v_place.environment AND e.name = v_place.name;
    END IF;
  END IF;
  IF "restsMs" IS NOT NULL THEN
    UPDATE deliveries AS d SET outcome = 'failed'
     WHERE d.delivery_id IN (
       SELECT w.delivery_id FROM deliveries AS w
        WHERE w.environment = v_place.environment AND w.endpoint = v_place.name AND w.outcome IS NULL AND w.next_at <= v_now
          AND w.wanted_at < v_now - interval '76 hours' AND w.delivery_id <> p_delivery
        ORDER BY w.next_at LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED);
    GET DIAGNOSTICS "gaveUp" = ROW_COUNT;
  ELSE
    SELECT w.delivery_id INTO next FROM deliveries AS w
     WHERE w.environment = v_place.environment AND w.endpoint = v_place.name AND w.outcome IS NULL AND w.next_at <= v_now
     ORDER BY w.next_at LIMIT 1;
  END IF;
  RETURN NEXT;
END
$$;

-- As in 0003, for endpoints that want it.
CREATE OR REPLACE FUNCTION keyturn.put_webhooks(p_secret keyturn.secrets, p_rotation text, p_at timestamptz, p_webhooks jsonb) RETURNS void
  LANGUAGE sql SET search_path = keyturn, pg_temp
AS $$
  -- Materialized, so that one webhook has one id at all endpoints.
  WITH told AS MATERIALIZED (
    SELECT ord, w, 'msg_' || replace(gen_random_uuid()::text, '-', '') AS webhook_id
    FROM jsonb_array_elements(p_webhooks) WITH ORDINALITY AS each (w, ord)
  )
  INSERT INTO deliveries (delivery_id, webhook_id, environment, endpoint, secret, rotation_id, body, next_at)
  SELECT gen_random_uuid()::text, told.webhook_id, e.environment, e.name, p_secret.secret, p_rotation,
    json_build_object(
      'type', told.w->>'type',
      'timestamp', to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'data', json_build_object(
        'environment', p_secret.environment, 'secret', p_secret.secret, 'rotation', p_rotation,
        'version', told.w->'version', 'code', told.w->'code', 'sequence', p_secret.webhook_seq + told.ord))::text,
    p_at
  FROM told JOIN webhook_endpoints e ON e.environment = p_secret.environment AND e.declared AND NOT e.gone
    AND (e.events IS NULL OR told.w->>'type' = ANY (e.events))
$$;

-- As in 0008, for endpoints that want it.
CREATE OR REPLACE FUNCTION keyturn.parameter_tell(p_parameter text, p_version integer, p_event text, p_due_at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_at timestamptz := clock_timestamp();
  v_id text := 'msg_' || replace(gen_random_uuid()::text, '-', '');
  v_told keyturn.parameters;
BEGIN
  UPDATE keyturn.parameters SET webhook_seq = webhook_seq + 1 WHERE parameter = p_parameter RETURNING * INTO v_told;
  INSERT INTO keyturn.audit (environment, secret, principal, action, facts)
  VALUES (v_told.environment, p_parameter, 'keyturn', p_event, jsonb_build_object('version', p_version, 'dueAt', p_due_at));
  INSERT INTO keyturn.deliveries (delivery_id, webhook_id, environment, endpoint, secret, body, next_at)
  SELECT gen_random_uuid()::text, v_id, e.environment, e.name, p_parameter,
         json_build_object(
           'type', p_event,
           'timestamp', to_char(v_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'data', json_build_object(
             'environment', v_told.environment, 'parameter', p_parameter, 'version', p_version,
             'dueAt', to_char(p_due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
             'sequence', v_told.webhook_seq))::text,
         v_at
    FROM keyturn.webhook_endpoints AS e
   WHERE e.environment = v_told.environment AND e.declared AND NOT e.gone AND (e.events IS NULL OR p_event = ANY (e.events));
END
$$;
