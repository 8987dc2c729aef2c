-- parameters_read(...): one row for each of the paths, in their order, by version, by label, or the newest where both are
-- null. found: false where there is no such parameter; a null version: it has no such version or label.
-- A function for the sake of its plan, which is kept for the session: to plan it took longer than to carry it out.
CREATE FUNCTION keyturn.parameters_read(p_environment text, p_paths text[], p_versions integer[], p_labels text[])
RETURNS TABLE (
  found boolean, path text, name text, type text, version integer, rotation_id text, put_id text, put_by text, details jsonb,
  sealed bytea, digest text, labels text[], at_ms double precision
)
LANGUAGE plpgsql STABLE SET plan_cache_mode = 'force_generic_plan' AS $$
BEGIN
  RETURN QUERY
    SELECT p.parameter IS NOT NULL, p.path, p.name, p.type, v.version, v.rotation_id, v.put_id, v.put_by, v.details, v.sealed,
           v.digest,
           ARRAY(SELECT l.label FROM keyturn.labels AS l
                  WHERE l.secret = v.secret AND l.version = v.version ORDER BY l.label COLLATE "C"),
           keyturn.to_ms(v.at)
      FROM unnest(p_paths, p_versions, p_labels) WITH ORDINALITY AS asked (path, version, label, place)
      LEFT JOIN keyturn.parameters AS p ON p.environment = p_environment AND p.path = asked.path
      LEFT JOIN LATERAL (
        SELECT * FROM keyturn.versions AS each
         WHERE each.secret = p.parameter
           AND CASE
                 WHEN asked.version IS NOT NULL THEN each.version = asked.version
                 WHEN asked.label IS NOT NULL THEN each.version = (
                   SELECT l.version FROM keyturn.labels AS l WHERE l.secret = p.parameter AND l.label = asked.label)
                 ELSE true
               END
         ORDER BY each.version DESC LIMIT 1) AS v ON true
     ORDER BY asked.place;
END
$$;
