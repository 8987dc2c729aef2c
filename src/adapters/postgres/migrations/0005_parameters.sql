-- The parameter store as those see it who speak its wire protocol: any parameter, by principals with access keys, every
-- access written down. Versions and labels are those of 0002; what a rotation keeps there is read like the rest, and
-- changed by rotations and `keyturn store` only.

-- Who may speak to the store. The key's secret half is sealed; grants are [{"path": "/prod/*", "allow": ["read"]}].
CREATE TABLE keyturn.access_keys (
  key_id text PRIMARY KEY CHECK (key_id ~ '^[A-Z0-9]{16,32}$'),
  environment text NOT NULL,
  principal text NOT NULL,
  grants jsonb NOT NULL,
  requests_per_second integer NOT NULL CHECK (requests_per_second > 0),
  sealed bytea NOT NULL,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  revoked_by text,
  revoked_at timestamptz
);

-- Every read and write through the wire protocol, also the refused ones. Only ever added to.
CREATE TABLE keyturn.accesses (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  environment text,
  principal text NOT NULL,
  source text NOT NULL,
  action text NOT NULL,
  parameter text,
  version integer,
  -- `done`, or the name of the error that was answered.
  outcome text NOT NULL
);
CREATE INDEX accesses_by_parameter ON keyturn.accesses (parameter, at) WHERE parameter IS NOT NULL;

-- access_done(...): writes down a write that is being made, in its own transaction. p_writer is
-- {"principal": …, "source": …, "action": …}.
CREATE FUNCTION keyturn.access_done(p_writer jsonb, p_environment text, p_parameter text, p_version integer) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
  INSERT INTO keyturn.accesses (environment, principal, source, action, parameter, version, outcome)
  VALUES (p_environment, p_writer ->> 'principal', p_writer ->> 'source', p_writer ->> 'action', p_parameter, p_version, 'done');
END;

-- parameter_lock(parameter): queues up with every other write to the versions and labels of this parameter.
-- Returns true where a declared secret is kept under this name, or one whose last rotation is still open: rotations
-- alone write it.
CREATE FUNCTION keyturn.parameter_lock(p_parameter text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('keyturn-store:' || p_parameter, 0));
  RETURN EXISTS (SELECT FROM keyturn.secrets WHERE secret = p_parameter AND declared)
    OR EXISTS (SELECT FROM keyturn.rotations WHERE secret = p_parameter AND closed_at IS NULL);
END
$$;

-- parameter_put(...): a new version of a parameter, and the parameter itself where there is none. p_type, p_tier and
-- p_tags may be null: as it was. p_details holds what this put says; what it leaves out stays as it was, a null clears it.
-- outcome: 'put', with version and tier; 'managed'; 'exists': there is one and p_overwrite is false; 'type': of another
-- type; 'untyped': none was given for a new one; 'immutable'; 'downgrade': from advanced to standard; 'size', 'policies': not in the standard
-- tier; 'limit': 100 versions, and the oldest has a label. Anything but 'put' has changed nothing.
CREATE FUNCTION keyturn.parameter_put(
  p_environment text, p_path text, p_name text, p_type text, p_overwrite boolean, p_put_id text, p_sealed bytea,
  p_digest text, p_bytes integer, p_tier text, p_details jsonb, p_tags jsonb, p_writer jsonb,
  OUT outcome text, OUT version integer, OUT tier text
)
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
  v_parameter text := p_environment || ':' || p_path;
  v_found keyturn.parameters;
  v_details jsonb := '{}';
BEGIN
  IF keyturn.parameter_lock(v_parameter) THEN
    outcome := 'managed';
    RETURN;
  END IF;
  SELECT * INTO v_found FROM keyturn.parameters WHERE parameter = v_parameter;
  IF FOUND THEN
    SELECT v.details, v.version INTO v_details, version
      FROM keyturn.versions AS v WHERE v.secret = v_parameter ORDER BY v.version DESC LIMIT 1;
    outcome := CASE
      WHEN NOT p_overwrite THEN 'exists'
      WHEN p_type <> v_found.type THEN 'type'
      WHEN v_found.tags ->> 'keyturn:immutable' = 'true' THEN 'immutable'
      WHEN p_tier = 'Standard' AND v_details ->> 'tier' = 'Advanced' THEN 'downgrade'
    END;
  ELSE
    outcome := CASE WHEN p_type IS NULL THEN 'untyped' END;
  END IF;
  v_details := jsonb_strip_nulls(v_details || p_details);
  tier := CASE
    WHEN p_tier = 'Advanced' OR v_details ->> 'tier' = 'Advanced' THEN 'Advanced'
    WHEN p_tier = 'Intelligent-Tiering'
      AND (p_bytes > 4096 OR v_details ? 'policies' OR v_details ->> 'dataType' IN ('url', 'json', 'jsonc'))
      THEN 'Advanced'
    ELSE 'Standard'
  END;
  IF tier = 'Standard' AND outcome IS NULL THEN
    outcome := CASE WHEN p_bytes > 4096 THEN 'size' WHEN v_details ? 'policies' THEN 'policies' END;
  END IF;
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;
  IF NOT keyturn.store_prune(v_parameter, false) THEN
    outcome := 'limit';
    RETURN;
  END IF;
  version := coalesce(version, 0) + 1;
  INSERT INTO keyturn.parameters (parameter, environment, path, name, type, tags)
  VALUES (v_parameter, p_environment, p_path, p_name, coalesce(p_type, v_found.type), coalesce(p_tags, '{}'))
  ON CONFLICT (parameter) DO NOTHING;
  INSERT INTO keyturn.versions (secret, version, put_id, put_by, details, sealed, digest)
  VALUES (v_parameter, version, p_put_id, p_writer ->> 'principal',
          v_details || jsonb_build_object('tier', tier), p_sealed, p_digest);
  PERFORM keyturn.access_done(p_writer, p_environment, v_parameter, version);
  outcome := 'put';
END
$$;

-- parameter_label(...): puts p_labels on a version (null: the newest), or takes them off it.
-- outcome: 'done', with the version and the labels that were taken off; 'managed'; 'missing': no such parameter;
-- 'version': no such version; 'limit': more than ten on one version. Anything but 'done' has changed nothing.
CREATE FUNCTION keyturn.parameter_label(
  p_environment text, p_path text, p_version integer, p_labels text[], p_remove boolean, p_writer jsonb,
  OUT outcome text, OUT version integer, OUT removed text[]
)
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
  v_parameter text := p_environment || ':' || p_path;
  v_label text;
BEGIN
  IF keyturn.parameter_lock(v_parameter) THEN
    outcome := 'managed';
    RETURN;
  END IF;
  SELECT v.version INTO version FROM keyturn.versions AS v
   WHERE v.secret = v_parameter AND (p_version IS NULL OR v.version = p_version)
   ORDER BY v.version DESC LIMIT 1;
  IF version IS NULL THEN
    outcome := CASE WHEN EXISTS (SELECT FROM keyturn.parameters WHERE parameter = v_parameter)
      THEN 'version' ELSE 'missing' END;
    RETURN;
  END IF;
  SELECT coalesce(array_agg(l.label ORDER BY l.label), '{}') INTO removed FROM keyturn.labels AS l
   WHERE p_remove AND l.secret = v_parameter AND l.version = parameter_label.version AND l.label = ANY (p_labels);
  IF NOT p_remove AND (
    SELECT count(*) FROM (
      SELECT l.label FROM keyturn.labels AS l WHERE l.secret = v_parameter AND l.version = parameter_label.version
      UNION SELECT unnest(p_labels)) AS together) > 10 THEN
    outcome := 'limit';
    RETURN;
  END IF;
  FOREACH v_label IN ARRAY (CASE WHEN p_remove THEN removed ELSE p_labels END) LOOP
    PERFORM keyturn.store_label(v_parameter, v_label, CASE WHEN NOT p_remove THEN version END, NULL, NULL, p_writer ->> 'principal');
  END LOOP;
  PERFORM keyturn.access_done(p_writer, p_environment, v_parameter, version);
  outcome := 'done';
END
$$;

-- parameter_delete(…): the parameter with all its versions, labels and tags. Where labels have been stays.
-- outcome: 'done'; 'managed'; 'missing'; 'protected': its tag keyturn:protected or keyturn:immutable is true.
-- Runs with its owner's rights: the app role may not delete versions.
CREATE FUNCTION keyturn.parameter_delete(p_environment text, p_path text, p_writer jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = keyturn, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
  v_parameter text := p_environment || ':' || p_path;
  v_tags jsonb;
BEGIN
  IF keyturn.parameter_lock(v_parameter) THEN
    RETURN 'managed';
  END IF;
  SELECT tags INTO v_tags FROM keyturn.parameters WHERE parameter = v_parameter;
  IF NOT FOUND THEN
    RETURN 'missing';
  END IF;
  IF v_tags ->> 'keyturn:protected' = 'true' OR v_tags ->> 'keyturn:immutable' = 'true' THEN
    RETURN 'protected';
  END IF;
  DELETE FROM keyturn.labels WHERE secret = v_parameter;
  DELETE FROM keyturn.versions WHERE secret = v_parameter;
  DELETE FROM keyturn.parameters WHERE parameter = v_parameter;
  PERFORM keyturn.access_done(p_writer, p_environment, v_parameter, NULL);
  RETURN 'done';
END
$$;

-- parameter_tag(...): adds p_add and takes off p_remove. Whether a parameter is immutable or protected is given once and
-- not taken back here. outcome: 'done'; 'missing'; 'protected'; 'limit': more than 50.
CREATE FUNCTION keyturn.parameter_tag(
  p_environment text, p_path text, p_add jsonb, p_remove text[], p_writer jsonb
) RETURNS text
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
  v_parameter text := p_environment || ':' || p_path;
  v_old jsonb;
  v_new jsonb;
BEGIN
  PERFORM keyturn.parameter_lock(v_parameter);
  SELECT tags INTO v_old FROM keyturn.parameters WHERE parameter = v_parameter;
  IF NOT FOUND THEN
    RETURN 'missing';
  END IF;
  v_new := (v_old || p_add) - p_remove;
  IF (v_old ->> 'keyturn:immutable' = 'true' AND v_new ->> 'keyturn:immutable' IS DISTINCT FROM 'true')
     OR (v_old ->> 'keyturn:protected' = 'true' AND v_new ->> 'keyturn:protected' IS DISTINCT FROM 'true') THEN
    RETURN 'protected';
  END IF;
  IF (SELECT count(*) FROM jsonb_object_keys(v_new)) > 50 THEN
    RETURN 'limit';
  END IF;
  UPDATE keyturn.parameters SET tags = v_new WHERE parameter = v_parameter;
  PERFORM keyturn.access_done(p_writer, p_environment, v_parameter, NULL);
  RETURN 'done';
END
$$;
