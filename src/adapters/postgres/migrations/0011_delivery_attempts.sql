-- Every try of a webhook: when, how it went, how long it took. Neither what was sent nor what was answered.
CREATE TABLE keyturn.delivery_attempts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  delivery_id text COLLATE "C" NOT NULL REFERENCES keyturn.deliveries,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  outcome text NOT NULL CHECK (outcome IN ('delivered', 'failed', 'gone')),
  status integer,
  -- Why there is no status, in words of ours.
  reason text,
  latency_ms double precision NOT NULL
);
CREATE INDEX delivery_attempts_of ON keyturn.delivery_attempts (delivery_id, id);

-- How often somebody asked for it to be sent again: what a try before that comes to is late.
ALTER TABLE keyturn.deliveries ADD COLUMN asked integer NOT NULL DEFAULT 0;

-- For people who look at what was sent.
CREATE INDEX deliveries_newest ON keyturn.deliveries (created_at DESC, delivery_id);
