-- The state of Keyturn: what is remembered (journal, audit), what follows from it (the derived columns of rotations and
-- secrets), and who may write (leases). All times are the database's; no column ever takes one from a worker.

-- Milliseconds since 1970, exact for times kept to the millisecond.
CREATE FUNCTION to_ms(at timestamptz) RETURNS double precision
  LANGUAGE sql STABLE RETURN floor(extract(epoch FROM at) * 1000)::double precision;

-- Back from milliseconds. Null stays null.
CREATE FUNCTION from_ms(ms double precision) RETURNS timestamptz
  LANGUAGE sql IMMUTABLE RETURN to_timestamp(ms / 1000);

-- One row: which server this installation lives on. Null until the first start.
CREATE TABLE installation (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  system_identifier bigint,
  timeline integer,
  era integer NOT NULL DEFAULT 1
);
INSERT INTO installation DEFAULT VALUES;

-- Fencing numbers for every secret: no two acquisitions ever share one.
CREATE SEQUENCE epoch_seq;

CREATE TABLE secrets (
  secret text PRIMARY KEY,
  environment text NOT NULL,
  path text NOT NULL,
  target text NOT NULL,
  declared boolean NOT NULL DEFAULT false,
  cron text,
  timezone text,
  -- Null is never due.
  next_due_at timestamptz,
  held_by text,
  held_because text,
  held_at timestamptz,
  -- Rises with every change of what a guard reads.
  guard_seq bigint NOT NULL DEFAULT 0,
  -- True once a fence token was put on the target: its absence is a refusal from then on.
  fence_known boolean NOT NULL DEFAULT false,
  current_version integer,
  last_rotated_at timestamptz,
  next_audit_at timestamptz NOT NULL DEFAULT clock_timestamp() + interval '1 hour',
  audit_until timestamptz,
  webhook_seq bigint NOT NULL DEFAULT 0,
  CHECK ((cron IS NULL) = (timezone IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX secrets_due ON secrets (next_due_at) WHERE declared AND next_due_at IS NOT NULL;
CREATE INDEX secrets_audit ON secrets (next_audit_at) WHERE declared;

CREATE TABLE targets (
  environment text NOT NULL,
  target text NOT NULL,
  declared boolean NOT NULL DEFAULT false,
  -- Null: no bound.
  concurrency integer CHECK (concurrency > 0),
  -- `unreachable` reports in a row. The breaker is open from five on.
  failures integer NOT NULL DEFAULT 0,
  -- While the breaker is open: when one probe may pass.
  probe_at timestamptz,
  PRIMARY KEY (environment, target)
);

CREATE TABLE rotations (
  rotation_id text COLLATE "C" PRIMARY KEY,
  secret text NOT NULL REFERENCES secrets,
  environment text NOT NULL,
  workflow text NOT NULL,
  workflow_number integer NOT NULL,
  trigger text NOT NULL,
  status text NOT NULL,
  step text NOT NULL DEFAULT '',
  code text,
  reason text NOT NULL,
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL,
  closed_at timestamptz,
  -- The sequence number of its newest event.
  seq integer NOT NULL,
  -- The newest command that was taken; those above it are pending.
  command_id bigint NOT NULL DEFAULT 0,
  -- When it is to be looked at again; null: not until somebody rings.
  due_at timestamptz,
  rung_at timestamptz,
  -- How often the sweep rang: makes each ring another job.
  rings integer NOT NULL DEFAULT 0,
  urgent boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX rotations_one_open ON rotations (secret) WHERE closed_at IS NULL;
CREATE INDEX rotations_due ON rotations (urgent DESC, due_at) WHERE closed_at IS NULL AND due_at IS NOT NULL;
CREATE INDEX rotations_by_secret ON rotations (secret, requested_at DESC);
CREATE INDEX rotations_newest ON rotations (requested_at DESC);

-- Append-only: the app role may not UPDATE or DELETE. No foreign key: its check would cost a query for each event, and
-- the functions that insert here have the rotation's row in hand.
CREATE TABLE journal (
  rotation_id text COLLATE "C" NOT NULL,
  seq integer NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  epoch bigint NOT NULL,
  kind text NOT NULL,
  event jsonb NOT NULL,
  PRIMARY KEY (rotation_id, seq)
);

-- Append-only, as the journal. `prev_hash` and `hash` are the place of the coming hash chain.
CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  environment text,
  secret text,
  rotation_id text COLLATE "C",
  principal text NOT NULL,
  action text NOT NULL,
  reason text,
  facts jsonb NOT NULL DEFAULT '{}',
  prev_hash bytea,
  hash bytea
);
CREATE INDEX audit_by_secret ON audit (secret, id);

CREATE TABLE leases (
  secret text PRIMARY KEY REFERENCES secrets,
  rotation_id text COLLATE "C" NOT NULL,
  environment text NOT NULL,
  target text NOT NULL,
  holder text NOT NULL,
  epoch bigint NOT NULL,
  expires_at timestamptz NOT NULL,
  released boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70);
CREATE INDEX leases_at_work ON leases (environment, target) WHERE NOT released;

-- Roll-back and destroy exclude each other: one row for each rotation, written once.
CREATE TABLE decisions (
  rotation_id text COLLATE "C" PRIMARY KEY REFERENCES rotations,
  decision text NOT NULL CHECK (decision IN ('roll-back', 'destroy')),
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Keys of which one open rotation at a time may hold each: secret, group, principal.
CREATE TABLE claims (
  rotation_id text COLLATE "C" NOT NULL REFERENCES rotations,
  key text NOT NULL,
  open boolean NOT NULL DEFAULT true,
  PRIMARY KEY (rotation_id, key)
);
CREATE UNIQUE INDEX claims_one_open ON claims (key) WHERE open;

-- What people asked of open rotations. Pending while its id is above `rotations.command_id`.
CREATE TABLE commands (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rotation_id text COLLATE "C" NOT NULL REFERENCES rotations,
  kind text NOT NULL CHECK (kind IN ('cancel', 'rollback', 'resume')),
  by text NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX commands_by_rotation ON commands (rotation_id, id);

CREATE TABLE waivers (
  rotation_id text COLLATE "C" NOT NULL REFERENCES rotations,
  consumer text NOT NULL,
  by text NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (rotation_id, consumer)
);

-- Values of open rotations, sealed by the keyring. The one table where the app role may DELETE.
CREATE TABLE sealed_values (
  rotation_id text COLLATE "C" NOT NULL REFERENCES rotations,
  slot text NOT NULL,
  sealed bytea NOT NULL,
  PRIMARY KEY (rotation_id, slot)
);

CREATE TABLE webhook_endpoints (
  environment text NOT NULL,
  name text NOT NULL,
  url text NOT NULL,
  declared boolean NOT NULL DEFAULT true,
  -- It answered that it is gone; until its URL changes nothing is sent there.
  gone boolean NOT NULL DEFAULT false,
  PRIMARY KEY (environment, name)
);

-- The outbox of webhooks, written in the journal's transaction.
CREATE TABLE deliveries (
  delivery_id text COLLATE "C" PRIMARY KEY,
  webhook_id text NOT NULL,
  environment text NOT NULL,
  endpoint text NOT NULL,
  secret text NOT NULL,
  rotation_id text COLLATE "C" NOT NULL REFERENCES rotations,
  -- As it is sent, to the byte.
  body text NOT NULL,
  attempt integer NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL,
  rung_at timestamptz,
  rings integer NOT NULL DEFAULT 0,
  -- Null: still to be sent.
  outcome text CHECK (outcome IN ('delivered', 'failed', 'gone')),
  status integer,
  latency_ms double precision,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX deliveries_waiting ON deliveries (next_at) WHERE outcome IS NULL;

-- Counters for /metrics, counted in the transaction of the event. A shard for each of sixteen sessions, so that
-- concurrent commits do not queue for one row.
CREATE TABLE rotation_counters (
  workflow text NOT NULL,
  trigger text NOT NULL,
  outcome text NOT NULL,
  shard smallint NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (workflow, trigger, outcome, shard)
) WITH (fillfactor = 70);
CREATE TABLE step_counters (
  step text NOT NULL,
  -- The upper bound of the histogram's bucket; Infinity for the last. Not cumulative.
  up_to_ms double precision NOT NULL,
  shard smallint NOT NULL,
  count bigint NOT NULL,
  sum_ms double precision NOT NULL,
  PRIMARY KEY (step, up_to_ms, shard)
) WITH (fillfactor = 70);
