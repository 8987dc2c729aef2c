-- Which database of the server this installation lives in: a copy beside the original has the same server. Null until
-- the next start.
ALTER TABLE keyturn.installation ADD COLUMN database_oid oid;
