-- What policies of parameters ask for. Only the newest version's count, so a put begins them anew.

ALTER TABLE keyturn.parameters
  -- When they are to be looked at next; null: never, until another put.
  ADD COLUMN policies_due_at timestamptz,
  -- Until when everything they asked for has been done; null: nothing since the newest put.
  ADD COLUMN policies_done_at timestamptz,
  -- Of its last webhook.
  ADD COLUMN webhook_seq bigint NOT NULL DEFAULT 0;
CREATE INDEX parameters_policies_due ON keyturn.parameters (policies_due_at) WHERE policies_due_at IS NOT NULL;

-- A webhook about a parameter belongs to no rotation.
ALTER TABLE keyturn.deliveries ALTER COLUMN rotation_id DROP NOT NULL;

-- policies_begin(): a put of whatever kind begins the policies of its version.
CREATE FUNCTION keyturn.policies_begin() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE keyturn.parameters
     SET policies_due_at = CASE WHEN NEW.details ? 'policies' THEN NEW.at END, policies_done_at = NULL
   WHERE parameter = NEW.secret AND (NEW.details ? 'policies' OR policies_due_at IS NOT NULL);
  RETURN NULL;
END
$$;
CREATE TRIGGER policies_begin AFTER INSERT ON keyturn.versions FOR EACH ROW EXECUTE FUNCTION keyturn.policies_begin();

-- policies_of(details, at): one row for each moment at which a version that was put `at` asks for something.
CREATE FUNCTION keyturn.policies_of(p_details jsonb, p_at timestamptz) RETURNS TABLE (event text, due_at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH each AS (
    SELECT policy ->> 'Type' AS type, policy -> 'Attributes' AS attributes
      FROM jsonb_array_elements((p_details ->> 'policies')::jsonb) AS policy
  )
  SELECT CASE each.type WHEN 'Expiration' THEN 'parameter.expired' WHEN 'ExpirationNotification' THEN 'parameter.expiring'
           ELSE 'parameter.unchanged' END,
         CASE each.type
           WHEN 'Expiration' THEN (each.attributes ->> 'Timestamp')::timestamptz
           WHEN 'ExpirationNotification' THEN (SELECT (e.attributes ->> 'Timestamp')::timestamptz FROM each AS e WHERE e.type = 'Expiration')
             - ((each.attributes ->> 'Before') || ' ' || (each.attributes ->> 'Unit'))::interval
           ELSE p_at + ((each.attributes ->> 'After') || ' ' || (each.attributes ->> 'Unit'))::interval
         END
    FROM each;
END;

-- parameter_tell(...): writes down one event of a parameter, and the webhooks that tell of it.
CREATE FUNCTION keyturn.parameter_tell(p_parameter text, p_version integer, p_event text, p_due_at timestamptz) RETURNS void
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
   WHERE e.environment = v_told.environment AND e.declared AND NOT e.gone;
END
$$;

-- parameter_policies(limit): does what the policies of so many parameters ask for by now: tells of each moment that has come,
-- once, and deletes what has expired. A secret under management and a protected parameter stay, and nobody is told that they
-- were deleted. One that is just being written is left to the next time.
CREATE FUNCTION keyturn.parameter_policies(p_limit integer)
RETURNS TABLE (parameter text, version integer, event text)
LANGUAGE plpgsql AS $$
DECLARE
  v_found keyturn.parameters;
  v_newest keyturn.versions;
  v_now timestamptz;
  v_next timestamptz;
BEGIN
  FOR v_found IN
    SELECT * FROM keyturn.parameters AS p WHERE p.policies_due_at <= now() ORDER BY p.policies_due_at LIMIT p_limit
  LOOP
    CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtextextended('keyturn-store:' || v_found.parameter, 0));
    -- Under the lock, as it is now: somebody may have put, deleted, or done the same in between.
    SELECT * INTO v_found FROM keyturn.parameters AS p WHERE p.parameter = v_found.parameter AND p.policies_due_at <= now();
    CONTINUE WHEN NOT FOUND;
    BEGIN
      SELECT * INTO v_newest FROM keyturn.versions AS v WHERE v.secret = v_found.parameter ORDER BY v.version DESC LIMIT 1;
      v_now := clock_timestamp();
      v_next := NULL;
      version := v_newest.version;
      parameter := v_found.parameter;
      FOR event, v_next IN
        SELECT p.event, p.due_at FROM keyturn.policies_of(v_newest.details, v_newest.at) AS p
         WHERE p.due_at <= v_now AND (v_found.policies_done_at IS NULL OR p.due_at > v_found.policies_done_at)
         ORDER BY p.due_at, p.event = 'parameter.expired'
      LOOP
        IF event = 'parameter.expired' THEN
          CONTINUE WHEN NOT keyturn.parameter_expires(v_found);
        END IF;
        PERFORM keyturn.parameter_tell(v_found.parameter, v_newest.version, event, v_next);
        IF event = 'parameter.expired' THEN
          PERFORM keyturn.parameter_delete(v_found.environment, v_found.path,
            '{"principal": "keyturn", "source": "policy", "action": "Expiration"}');
        END IF;
        RETURN NEXT;
        EXIT WHEN event = 'parameter.expired';
      END LOOP;
      SELECT min(p.due_at) INTO v_next FROM keyturn.policies_of(v_newest.details, v_newest.at) AS p WHERE p.due_at > v_now;
      UPDATE keyturn.parameters AS p SET policies_due_at = v_next, policies_done_at = v_now WHERE p.parameter = v_found.parameter;
    EXCEPTION WHEN data_exception THEN
      -- A moment that nobody can count with asks for nothing, and keeps nobody else waiting.
      UPDATE keyturn.parameters AS p SET policies_due_at = NULL WHERE p.parameter = v_found.parameter;
      INSERT INTO keyturn.audit (environment, secret, principal, action, reason)
      VALUES (v_found.environment, v_found.parameter, 'keyturn', 'parameter.unreadable', 'its policies cannot be read');
    END;
  END LOOP;
END
$$;

-- parameter_expires(parameter): true where it may be deleted, by the same rules as for a person.
CREATE FUNCTION keyturn.parameter_expires(p_found keyturn.parameters) RETURNS boolean
LANGUAGE sql
BEGIN ATOMIC
  SELECT NOT keyturn.parameter_lock(p_found.parameter)
    AND coalesce(p_found.tags ->> 'keyturn:protected', '') <> 'true'
    AND coalesce(p_found.tags ->> 'keyturn:immutable', '') <> 'true';
END;
