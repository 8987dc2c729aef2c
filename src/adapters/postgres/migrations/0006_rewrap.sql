-- What digests are keyed by, sealed under the master key: it stays the same when the master key changes. Null: it is
-- derived from the master key, as a key file does. `moved_at` is when the master key was last changed; null: never.
ALTER TABLE keyturn.keyring
  ADD COLUMN digest_key bytea CHECK (octet_length(digest_key) BETWEEN 1 AND 65536),
  ADD COLUMN moved_at timestamptz;
