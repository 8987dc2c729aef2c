-- Every challenge that was sent to a consumer, by its nonce, and what came of it. A nonce takes one answer: in the response,
-- or by an ack while it is young.
CREATE TABLE keyturn.challenges (
  nonce text COLLATE "C" PRIMARY KEY,
  environment text NOT NULL,
  secret text NOT NULL,
  rotation_id text COLLATE "C" NOT NULL,
  consumer text NOT NULL,
  phase text NOT NULL CHECK (phase IN ('canary', 'drain')),
  version integer NOT NULL,
  issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Null: it may still be.
  answered_at timestamptz,
  -- Of an ack: `waiting` for a worker, which alone can tell what it is worth. What it says is in `sealed_values` until then.
  outcome text CHECK (outcome IN ('waiting', 'proved', 'refused', 'wrong')),
  judged_at timestamptz,
  -- In the words of the worker that has judged it.
  instance text,
  reason text,
  -- What has been turned away under this nonce and stands in the audit trail: once for each cause, or whoever knows one
  -- nonce could fill the trail.
  turned_away text[] NOT NULL DEFAULT '{}',
  CHECK (outcome IS NULL OR answered_at IS NOT NULL)
);
CREATE INDEX challenges_acked ON keyturn.challenges (rotation_id) WHERE outcome IS NOT NULL;
CREATE INDEX challenges_oldest ON keyturn.challenges (issued_at);

-- Acks by what became of them, for /metrics, as the other counters: rows of challenges go after a day, figures never go down.
CREATE TABLE keyturn.ack_counters (
  outcome text NOT NULL,
  shard smallint NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (outcome, shard)
) WITH (fillfactor = 70);

-- count_acks(outcome, count): counts in the transaction that decides it.
CREATE FUNCTION keyturn.count_acks(p_outcome text, p_count bigint) RETURNS void LANGUAGE sql
SET search_path = keyturn, pg_temp AS $$
  INSERT INTO ack_counters AS c (outcome, shard, count) VALUES (p_outcome, pg_backend_pid() % 16, p_count)
  ON CONFLICT (outcome, shard) DO UPDATE SET count = c.count + excluded.count
$$;

-- challenge_is_young(issued at): nonces live for 60 s. One from the future is of another clock, and as good as old.
CREATE FUNCTION keyturn.challenge_is_young(p_issued_at timestamptz) RETURNS boolean LANGUAGE sql VOLATILE
RETURN p_issued_at BETWEEN clock_timestamp() - interval '60 seconds' AND clock_timestamp();
