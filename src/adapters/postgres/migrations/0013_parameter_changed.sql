-- Tells of a new version of a plain parameter, in the transaction that puts it. What is under management is told of by its
-- rotations.
CREATE FUNCTION keyturn.parameter_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = keyturn, pg_temp AS $$
DECLARE
  v_at timestamptz := clock_timestamp();
  v_id text := 'msg_' || replace(gen_random_uuid()::text, '-', '');
  v_told parameters;
BEGIN
  IF EXISTS (SELECT FROM secrets AS s WHERE s.secret = NEW.secret AND s.declared) OR NOT EXISTS (
    SELECT FROM webhook_endpoints AS e JOIN parameters AS p ON p.environment = e.environment
     WHERE p.parameter = NEW.secret AND e.declared AND NOT e.gone AND (e.events IS NULL OR 'parameter.changed' = ANY (e.events))) THEN
    RETURN NULL;
  END IF;
  UPDATE parameters SET webhook_seq = webhook_seq + 1 WHERE parameter = NEW.secret RETURNING * INTO v_told;
  INSERT INTO deliveries (delivery_id, webhook_id, environment, endpoint, secret, body, next_at)
  SELECT gen_random_uuid()::text, v_id, e.environment, e.name, NEW.secret,
         json_build_object(
           'type', 'parameter.changed',
           'timestamp', to_char(v_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'data', json_build_object('environment', v_told.environment, 'parameter', NEW.secret, 'version', NEW.version,
                                     'sequence', v_told.webhook_seq))::text,
         v_at
    FROM webhook_endpoints AS e
   WHERE e.environment = v_told.environment AND e.declared AND NOT e.gone
     AND (e.events IS NULL OR 'parameter.changed' = ANY (e.events));
  RETURN NULL;
END
$$;
CREATE TRIGGER parameter_changed AFTER INSERT ON keyturn.versions
  FOR EACH ROW WHEN (NEW.rotation_id IS NULL) EXECUTE FUNCTION keyturn.parameter_changed();
