-- The built-in parameter store, and the key its values are sealed with. The functions run with the caller's rights,
-- except store_prune, so that the app role needs no right to delete. Lock order: the secret's row (operators only), its
-- lease, the advisory lock of its store.

-- Which master key the values of this database are sealed with. One row, written at the first start.
CREATE TABLE keyturn.keyring (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  key_id text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What the store holds, by `environment:/path`: secrets under management, and whatever else was put there by the wire
-- protocol. A secret has its row from its first version on. `name` is what the first put wrote: SSM takes `x` and `/x`
-- for the same and answers with the one it was made with.
CREATE TABLE keyturn.parameters (
  parameter text PRIMARY KEY,
  environment text NOT NULL,
  path text COLLATE "C" NOT NULL,
  name text NOT NULL,
  type text NOT NULL DEFAULT 'SecureString' CHECK (type IN ('String', 'StringList', 'SecureString')),
  tags jsonb NOT NULL DEFAULT '{}',
  CHECK (parameter = environment || ':' || path),
  CHECK (path LIKE '/%')
);
CREATE UNIQUE INDEX parameters_by_path ON keyturn.parameters (environment, path);

-- A version never changes; it goes when 100 newer ones have come, or with its parameter. `secret` names the parameter.
-- details: what a put says beside the value (description, tier, …); put_by: the principal, a rotation or a person.
-- rotation_id names the rotation that put it; where a person did, put_id is a random number instead. Whichever it is
-- binds the seal, because the number of the version is not known yet when the value is sealed.
CREATE TABLE keyturn.versions (
  secret text NOT NULL REFERENCES keyturn.parameters,
  version integer NOT NULL CHECK (version > 0),
  rotation_id text COLLATE "C",
  put_id text,
  put_by text NOT NULL,
  details jsonb NOT NULL DEFAULT '{}',
  sealed bytea NOT NULL CHECK (octet_length(sealed) BETWEEN 1 AND 65536),
  digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{32}$'),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (secret, version),
  CHECK (num_nonnulls(rotation_id, put_id) = 1)
);

CREATE UNIQUE INDEX versions_one_per_rotation ON keyturn.versions (secret, rotation_id) WHERE rotation_id IS NOT NULL;

-- Where each label is now. A null version: nowhere. Rotations move `pending`, `current` and `previous`.
CREATE TABLE keyturn.labels (
  secret text NOT NULL,
  label text NOT NULL CHECK (label ~ '^[A-Za-z_.-][A-Za-z0-9_.-]{0,99}$'),
  version integer,
  PRIMARY KEY (secret, label),
  FOREIGN KEY (secret, version) REFERENCES keyturn.versions (secret, version)
);

-- Where each label has been. Only ever added to; it outlives the versions it names.
CREATE TABLE keyturn.label_moves (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  secret text NOT NULL,
  label text NOT NULL,
  from_version integer,
  to_version integer,
  rotation_id text COLLATE "C",
  epoch bigint,
  moved_by text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX label_moves_by_secret ON keyturn.label_moves (secret, id);

-- store_begin(secret, rotation, epoch): true where this executor still holds the lease of the secret, by the
-- database's clock. Effect: until the transaction ends nobody takes the lease over, so that what the caller writes
-- comes before anything a later executor reads; and writes to the versions and labels of one secret queue up.
-- False: the executor lost; it must write nothing.
CREATE FUNCTION keyturn.store_begin(p_secret text, p_rotation text, p_epoch bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM keyturn.leases WHERE secret = p_secret FOR SHARE;
  PERFORM pg_advisory_xact_lock(hashtextextended('keyturn-store:' || p_secret, 0));
  -- A statement of its own, after the locks: the lease may have ended while they were waited for.
  RETURN EXISTS (
    SELECT FROM keyturn.leases AS lease
     WHERE lease.secret = p_secret
       AND lease.rotation_id = p_rotation
       AND lease.epoch = p_epoch
       AND NOT lease.released
       AND lease.expires_at > clock_timestamp());
END
$$;

-- store_label(...): puts a label on a version; null takes it off. Effect: a row in label_moves where it moved.
-- The caller holds the lock of the secret's store.
CREATE FUNCTION keyturn.store_label(
  p_secret text, p_label text, p_to integer, p_rotation text, p_epoch bigint, p_by text
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_from integer;
BEGIN
  SELECT version INTO v_from FROM keyturn.labels WHERE secret = p_secret AND label = p_label;
  IF v_from IS NOT DISTINCT FROM p_to THEN
    RETURN;
  END IF;
  INSERT INTO keyturn.labels (secret, label, version) VALUES (p_secret, p_label, p_to)
  ON CONFLICT (secret, label) DO UPDATE SET version = excluded.version;
  INSERT INTO keyturn.label_moves (secret, label, from_version, to_version, rotation_id, epoch, moved_by)
  VALUES (p_secret, p_label, v_from, p_to, p_rotation, p_epoch, p_by);
END
$$;

-- store_prune(secret, skip): makes room for one more version. True: there is room now. False: 100 are kept and the
-- oldest has a label, as SSM refuses then; with p_skip the oldest without a label goes instead, which is how a person
-- gets out of that. Effect: one of 100 goes. The caller holds the lock of the secret's store.
CREATE FUNCTION keyturn.store_prune(p_secret text, p_skip boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = keyturn, pg_temp AS $$
DECLARE
  v_version integer;
BEGIN
  IF (SELECT count(*) FROM keyturn.versions WHERE secret = p_secret) < 100 THEN
    RETURN true;
  END IF;
  SELECT min(v.version) INTO v_version FROM keyturn.versions AS v
   WHERE v.secret = p_secret
     AND NOT (p_skip AND EXISTS (
           SELECT FROM keyturn.labels AS l WHERE l.secret = v.secret AND l.version = v.version));
  IF EXISTS (SELECT FROM keyturn.labels WHERE secret = p_secret AND version = v_version) THEN
    RETURN false;
  END IF;
  DELETE FROM keyturn.versions WHERE secret = p_secret AND version = v_version;
  RETURN true;
END
$$;

-- store_add(...): adds the next version, with what the one before says of the parameter beside its value (its policies among
-- that). Returns its number; null where there is no room (see store_prune). The caller holds the lock of the secret's store.
CREATE FUNCTION keyturn.store_add(
  p_secret text, p_rotation text, p_put_id text, p_sealed bytea, p_digest text, p_by text
) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  v_version integer;
  v_details jsonb;
BEGIN
  SELECT version, details INTO v_version, v_details
    FROM keyturn.versions WHERE secret = p_secret ORDER BY version DESC LIMIT 1;
  v_version := coalesce(v_version, 0) + 1;
  IF NOT keyturn.store_prune(p_secret, p_rotation IS NULL) THEN
    RETURN NULL;
  END IF;
  INSERT INTO keyturn.parameters (parameter, environment, path, name)
  SELECT s.secret, s.environment, s.path, s.path FROM keyturn.secrets AS s WHERE s.secret = p_secret
  ON CONFLICT (parameter) DO UPDATE SET type = excluded.type WHERE parameters.type <> excluded.type;
  INSERT INTO keyturn.versions (secret, version, rotation_id, put_id, put_by, details, sealed, digest)
  VALUES (p_secret, v_version, p_rotation, p_put_id, p_by, coalesce(v_details, '{}'), p_sealed, p_digest);
  RETURN v_version;
END
$$;

-- store_put_pending(...): the one version of a rotation, labelled pending unless it is current already.
-- outcome: 'put', with the version and its digest, also where this rotation had put it before (then nothing new is
-- added and p_sealed is dropped); 'stale': the lease is lost; 'limit': there is no room; 'repeated': a kept version has
-- the same digest. Anything but 'put' has changed nothing.
CREATE FUNCTION keyturn.store_put_pending(
  p_secret text, p_rotation text, p_epoch bigint, p_sealed bytea, p_digest text,
  OUT outcome text, OUT version integer, OUT digest text
)
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
BEGIN
  IF NOT keyturn.store_begin(p_secret, p_rotation, p_epoch) THEN
    outcome := 'stale';
    RETURN;
  END IF;
  SELECT v.version, v.digest INTO version, digest
    FROM keyturn.versions AS v WHERE v.secret = p_secret AND v.rotation_id = p_rotation;
  IF version IS NULL THEN
    IF EXISTS (SELECT FROM keyturn.versions AS v WHERE v.secret = p_secret AND v.digest = p_digest) THEN
      outcome := 'repeated';
      RETURN;
    END IF;
    version := keyturn.store_add(p_secret, p_rotation, NULL, p_sealed, p_digest, p_rotation);
    digest := p_digest;
    IF version IS NULL THEN
      outcome := 'limit';
      RETURN;
    END IF;
  END IF;
  -- A version that was promoted in between is pending no more.
  IF NOT EXISTS (SELECT FROM keyturn.labels AS l
                  WHERE l.secret = p_secret AND l.label = 'current' AND l.version = store_put_pending.version) THEN
    PERFORM keyturn.store_label(p_secret, 'pending', version, p_rotation, p_epoch, p_rotation);
  END IF;
  outcome := 'put';
END
$$;

-- store_move_current(...): compare and set. Where `current` is on p_from (null: nowhere), or on p_to already, puts
-- `previous` on p_previous (null, or a version no longer kept: nowhere), `current` on p_to (null: nowhere), and takes
-- `pending` off p_to.
-- outcome: 'settled', with where `current` is now: p_to, or the version somebody else put it on, and then nothing was
-- changed; 'absent': there is no version p_to, nothing changed; 'stale': the lease is lost, nothing changed.
CREATE FUNCTION keyturn.store_move_current(
  p_secret text, p_rotation text, p_epoch bigint, p_from integer, p_to integer, p_previous integer,
  OUT outcome text, OUT current integer
)
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
  v_previous integer;
BEGIN
  IF NOT keyturn.store_begin(p_secret, p_rotation, p_epoch) THEN
    outcome := 'stale';
    RETURN;
  END IF;
  SELECT l.version INTO current FROM keyturn.labels AS l WHERE l.secret = p_secret AND l.label = 'current';
  IF current IS DISTINCT FROM p_from AND current IS DISTINCT FROM p_to THEN
    outcome := 'settled';
    RETURN;
  END IF;
  IF p_to IS NOT NULL
     AND NOT EXISTS (SELECT FROM keyturn.versions AS v WHERE v.secret = p_secret AND v.version = p_to) THEN
    outcome := 'absent';
    RETURN;
  END IF;
  SELECT v.version INTO v_previous FROM keyturn.versions AS v WHERE v.secret = p_secret AND v.version = p_previous;
  PERFORM keyturn.store_label(p_secret, 'previous', v_previous, p_rotation, p_epoch, p_rotation);
  PERFORM keyturn.store_label(p_secret, 'current', p_to, p_rotation, p_epoch, p_rotation);
  IF EXISTS (SELECT FROM keyturn.labels AS l WHERE l.secret = p_secret AND l.label = 'pending' AND l.version = p_to) THEN
    PERFORM keyturn.store_label(p_secret, 'pending', NULL, p_rotation, p_epoch, p_rotation);
  END IF;
  current := p_to;
  outcome := 'settled';
END
$$;

-- store_retire_pending(...): takes `pending` off p_version where it is there. Returns 'settled', also where it was not;
-- 'stale': the lease is lost, nothing changed.
CREATE FUNCTION keyturn.store_retire_pending(p_secret text, p_rotation text, p_epoch bigint, p_version integer)
RETURNS text
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
BEGIN
  IF NOT keyturn.store_begin(p_secret, p_rotation, p_epoch) THEN
    RETURN 'stale';
  END IF;
  IF EXISTS (SELECT FROM keyturn.labels WHERE secret = p_secret AND label = 'pending' AND version = p_version) THEN
    PERFORM keyturn.store_label(p_secret, 'pending', NULL, p_rotation, p_epoch, p_rotation);
  END IF;
  RETURN 'settled';
END
$$;

-- store_put_by_person(...): a version from outside, labelled current at once. p_replaces is where `current` must be
-- now; null: nowhere, which is a first version.
-- outcome: 'put', with the version; 'moved': `current` is elsewhere, and where; 'open': the rotation that is open;
-- 'unknown': no such secret; 'limit': there is no room. Anything but 'put' has changed nothing.
-- Effect beside the store: the audit row, and the secret's derived column.
CREATE FUNCTION keyturn.store_put_by_person(
  p_secret text, p_replaces integer, p_put_id text, p_sealed bytea, p_digest text, p_by text, p_reason text,
  OUT outcome text, OUT version integer, OUT current integer, OUT rotation text
)
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
  v_environment text;
BEGIN
  -- Under this lock no rotation begins. A write of one that has closed still names the secret, and is not waited for here.
  SELECT s.environment INTO v_environment FROM keyturn.secrets AS s WHERE s.secret = p_secret FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    outcome := 'unknown';
    RETURN;
  END IF;
  SELECT r.rotation_id INTO rotation FROM keyturn.rotations AS r WHERE r.secret = p_secret AND r.closed_at IS NULL;
  IF FOUND THEN
    outcome := 'open';
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('keyturn-store:' || p_secret, 0));
  SELECT l.version INTO current FROM keyturn.labels AS l WHERE l.secret = p_secret AND l.label = 'current';
  IF current IS DISTINCT FROM p_replaces THEN
    outcome := 'moved';
    RETURN;
  END IF;
  version := keyturn.store_add(p_secret, NULL, p_put_id, p_sealed, p_digest, p_by);
  IF version IS NULL THEN
    outcome := 'limit';
    RETURN;
  END IF;
  PERFORM keyturn.store_label(p_secret, 'previous', p_replaces, NULL, NULL, p_by);
  PERFORM keyturn.store_label(p_secret, 'current', version, NULL, NULL, p_by);
  UPDATE keyturn.secrets AS s SET current_version = version WHERE s.secret = p_secret;
  INSERT INTO keyturn.audit (environment, secret, principal, action, reason, facts)
  VALUES (v_environment, p_secret, p_by, 'VersionPut', p_reason,
          jsonb_build_object('version', version, 'replaces', p_replaces, 'digest', p_digest));
  outcome := 'put';
END
$$;
