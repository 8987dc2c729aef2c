-- Tells that strangers have the current credential of a secret, in the transaction that accepts the rotation for it.
CREATE FUNCTION keyturn.secret_exposed() RETURNS trigger
LANGUAGE plpgsql SET search_path = keyturn, pg_temp AS $$
DECLARE
  v_id text := 'msg_' || replace(gen_random_uuid()::text, '-', '');
  v_secret secrets;
BEGIN
  UPDATE secrets SET webhook_seq = webhook_seq + 1 WHERE secret = NEW.event #>> '{plan,secret}' RETURNING * INTO v_secret;
  INSERT INTO audit (at, environment, secret, rotation_id, principal, action, reason)
  VALUES (NEW.at, v_secret.environment, v_secret.secret, NEW.rotation_id, NEW.event #>> '{plan,requestedBy}', 'secret.exposed',
          NEW.event #>> '{plan,reason}');
  INSERT INTO deliveries (delivery_id, webhook_id, environment, endpoint, secret, rotation_id, body, next_at)
  SELECT gen_random_uuid()::text, v_id, e.environment, e.name, v_secret.secret, NEW.rotation_id,
         json_build_object(
           'type', 'secret.exposed',
           'timestamp', to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'data', json_build_object('environment', v_secret.environment, 'secret', v_secret.secret, 'rotation', NEW.rotation_id,
                                     'sequence', v_secret.webhook_seq))::text,
         NEW.at
    FROM webhook_endpoints AS e
   WHERE e.environment = v_secret.environment AND e.declared AND NOT e.gone
     AND (e.events IS NULL OR 'secret.exposed' = ANY (e.events));
  RETURN NULL;
END
$$;
CREATE TRIGGER secret_exposed AFTER INSERT ON keyturn.journal FOR EACH ROW
  WHEN (NEW.kind = 'RotationRequested' AND NEW.event @> '{"plan": {"exposed": true}}') EXECUTE FUNCTION keyturn.secret_exposed();
