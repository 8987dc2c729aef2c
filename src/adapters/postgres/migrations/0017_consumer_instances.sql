-- The running copies of consumers that have said that they are there: who must prove, where a consumer is declared so.
CREATE TABLE keyturn.consumer_instances (
  secret text NOT NULL REFERENCES keyturn.secrets,
  consumer text NOT NULL,
  instance text COLLATE "C" NOT NULL,
  -- Null: it answers at the address of its consumer.
  url text,
  -- The time that was signed: what was said before it and comes after it changes nothing. Seconds since 1970.
  said_at_s bigint NOT NULL,
  -- When it was last heard of, by this database.
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- It has said that it goes. It stays here for as long as an older word of it may still come.
  left_at timestamptz,
  PRIMARY KEY (secret, consumer, instance)
);
