ALTER TABLE keyturn.secrets
  -- How long after its due time a rotation may take before somebody is told.
  ADD COLUMN overdue_after_ms double precision NOT NULL DEFAULT 86400000,
  -- The oldest due time after which no rotation has been seen to complete; null: it has no schedule.
  ADD COLUMN owed_since timestamptz,
  -- When it is looked at whether what is owed is there.
  ADD COLUMN overdue_at timestamptz,
  -- When somebody was last told.
  ADD COLUMN overdue_told_at timestamptz;
UPDATE keyturn.secrets SET owed_since = next_due_at, overdue_at = next_due_at + overdue_after_ms * interval '1 millisecond'
 WHERE next_due_at IS NOT NULL;
CREATE INDEX secrets_overdue ON keyturn.secrets (overdue_at) WHERE declared AND overdue_at IS NOT NULL;

-- tell_overdue(limit): tells of secrets whose rotation was due, and has not completed for longer than it may take: by webhook
-- and in the audit trail, and again each time as long has passed. One that has been rotated since owes the next due time.
CREATE FUNCTION keyturn.tell_overdue(p_limit integer) RETURNS TABLE (secret text, "dueAtMs" double precision)
LANGUAGE plpgsql SET search_path = keyturn, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_secret secrets;
  v_after interval;
  v_at timestamptz;
  v_id text;
BEGIN
  FOR v_secret IN
    SELECT * FROM secrets AS s WHERE s.declared AND s.overdue_at <= now()
     ORDER BY s.overdue_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
  LOOP
    v_after := v_secret.overdue_after_ms * interval '1 millisecond';
    IF v_secret.last_rotated_at >= v_secret.owed_since THEN
      UPDATE secrets AS s SET owed_since = s.next_due_at, overdue_at = s.next_due_at + v_after WHERE s.secret = v_secret.secret;
      CONTINUE;
    END IF;
    v_at := clock_timestamp();
    v_id := 'msg_' || replace(gen_random_uuid()::text, '-', '');
    UPDATE secrets AS s SET overdue_at = v_at + v_after, overdue_told_at = v_at, webhook_seq = s.webhook_seq + 1
     WHERE s.secret = v_secret.secret RETURNING s.* INTO v_secret;
    INSERT INTO audit (environment, secret, principal, action, facts)
    VALUES (v_secret.environment, v_secret.secret, 'keyturn', 'secret.overdue', jsonb_build_object('dueAt', v_secret.owed_since));
    INSERT INTO deliveries (delivery_id, webhook_id, environment, endpoint, secret, body, next_at)
    SELECT gen_random_uuid()::text, v_id, e.environment, e.name, v_secret.secret,
           json_build_object(
             'type', 'secret.overdue',
             'timestamp', to_char(v_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
             'data', json_build_object(
               'environment', v_secret.environment, 'secret', v_secret.secret,
               'dueAt', to_char(v_secret.owed_since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
               'sequence', v_secret.webhook_seq))::text,
           v_at
      FROM webhook_endpoints AS e
     WHERE e.environment = v_secret.environment AND e.declared AND NOT e.gone
       AND (e.events IS NULL OR 'secret.overdue' = ANY (e.events));
    secret := v_secret.secret;
    "dueAtMs" := keyturn.to_ms(v_secret.owed_since);
    RETURN NEXT;
  END LOOP;
END
$$;
