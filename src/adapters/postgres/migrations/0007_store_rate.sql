-- What workers share about a store outside of this database.

-- A bucket for each account and region: one token at a time comes free, at `free_at`. What the last one to ask was told
-- stands beside it, because a statement that updates can only answer with what it has written.
CREATE TABLE keyturn.store_rates (
  bucket text PRIMARY KEY,
  free_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  granted boolean NOT NULL DEFAULT false
);

-- The last put of a secret that was on its way to a store which cannot refuse it. `sent_at` null: it was refused, or
-- there is none. The next put of the rotation waits until this one is seen or can no longer arrive.
CREATE TABLE keyturn.store_puts (
  secret text PRIMARY KEY,
  rotation_id text NOT NULL,
  sent_at timestamptz
);
