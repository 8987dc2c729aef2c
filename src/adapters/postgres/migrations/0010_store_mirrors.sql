-- Where consumers read bare names a rotation puts more than its version: the value of `current` once more, under the
-- bare name. What a note of a put is about tells whether that put has been seen.

-- The digest of the value that the put repeats under the bare name; null: it was the version of its rotation.
ALTER TABLE keyturn.store_puts ADD COLUMN mirrors text;
