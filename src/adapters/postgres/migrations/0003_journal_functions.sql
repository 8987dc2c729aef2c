-- The functions behind the ports Journal, RotationIntake and Leases: one statement, one round trip, one commit each.
-- They run with the caller's rights, so the grants on the tables decide. Everything that writes for a secret locks the
-- secret's row first; after it, in this order: target, claims, deliveries, counters.

-- What the database says beside the journal.
-- Out: {"nowMs":…,"held":…,"waived":[…],"guardSeq":…,"commands":[{"id","kind","by","reason"}…]}; null for no rotation.
-- In plpgsql, whose plans are kept for the session; every append answers with it.
CREATE FUNCTION surroundings(p_rotation text) RETURNS jsonb
  LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    SELECT jsonb_build_object(
      'nowMs', keyturn.to_ms(clock_timestamp()),
      'held', s.held_by IS NOT NULL,
      'guardSeq', s.guard_seq,
      'waived', to_jsonb(ARRAY(SELECT w.consumer FROM keyturn.waivers w WHERE w.rotation_id = r.rotation_id ORDER BY w.consumer)),
      'commands', to_jsonb(ARRAY(
        SELECT jsonb_build_object('id', c.id, 'kind', c.kind, 'by', c.by, 'reason', c.reason)
        FROM keyturn.commands c WHERE c.rotation_id = r.rotation_id AND c.id > r.command_id ORDER BY c.id))
    )
    FROM keyturn.rotations r JOIN keyturn.secrets s USING (secret)
    WHERE r.rotation_id = p_rotation
  );
END
$$;

-- Claims keys for a rotation. In: the keys. Effect: one open row for each.
-- Out: null, or {"kind":"claimed","rotationId","key"} where another rotation holds one: the caller must then roll back.
CREATE FUNCTION claim(p_rotation text, p_keys text[]) RETURNS jsonb
  LANGUAGE plpgsql SET search_path = keyturn, pg_temp
AS $$
DECLARE
  v_key text;
  v_holder text;
BEGIN
  -- Sorted, so that two transactions never wait for each other.
  FOR v_key IN SELECT DISTINCT k FROM unnest(p_keys) k ORDER BY k LOOP
    LOOP
      INSERT INTO claims (rotation_id, key) VALUES (p_rotation, v_key) ON CONFLICT DO NOTHING;
      EXIT WHEN FOUND;
      SELECT rotation_id INTO v_holder FROM claims WHERE key = v_key AND open;
      EXIT WHEN v_holder = p_rotation;
      IF v_holder IS NOT NULL THEN
        RETURN jsonb_build_object('kind', 'claimed', 'rotationId', v_holder, 'key', v_key);
      END IF;
      -- The holder closed in between: try again.
    END LOOP;
  END LOOP;
  RETURN NULL;
END
$$;

-- Begins a rotation.
-- In: the plan as JSON, and the keys to claim. Effect, in one transaction: journal seq 1 (epoch 0) with its audit row,
-- the claims, the rotation due at once.
-- Out: {"kind":"accepted","rotationId"}; {"kind":"open","rotationId"}: the secret's open one, nothing changed.
-- Raises KT001 with {"kind":"claimed",…} as detail, which rolls everything back.
CREATE FUNCTION accept(p_plan jsonb, p_claims text[]) RETURNS jsonb
  LANGUAGE plpgsql SET search_path = keyturn, pg_temp
AS $$
DECLARE
  v_id text := p_plan->>'rotationId';
  v_secret text := p_plan->>'secret';
  -- The first era is the one that is not named.
  v_event jsonb := jsonb_build_object('kind', 'RotationRequested', 'plan', p_plan)
    || (SELECT CASE WHEN era > 1 THEN jsonb_build_object('era', era) ELSE '{}' END FROM installation);
  v_at timestamptz;
  v_open text;
  v_conflict jsonb;
BEGIN
  -- A secret the registry has not declared yet has a row all the same: it is what everybody locks.
  INSERT INTO secrets (secret, environment, path, target)
    VALUES (v_secret, p_plan->>'environment', p_plan->>'path', p_plan->>'target') ON CONFLICT DO NOTHING;
  INSERT INTO targets (environment, target) VALUES (p_plan->>'environment', p_plan->>'target') ON CONFLICT DO NOTHING;
  PERFORM FROM secrets WHERE secret = v_secret FOR NO KEY UPDATE;
  IF EXISTS (SELECT FROM rotations WHERE rotation_id = v_id) THEN
    RETURN jsonb_build_object('kind', 'accepted', 'rotationId', v_id);
  END IF;
  SELECT rotation_id INTO v_open FROM rotations WHERE secret = v_secret AND closed_at IS NULL;
  IF FOUND THEN
    RETURN jsonb_build_object('kind', 'open', 'rotationId', v_open);
  END IF;
  v_at := date_trunc('milliseconds', clock_timestamp());
  INSERT INTO rotations (rotation_id, secret, environment, workflow, workflow_number, trigger, status, reason,
                         requested_by, requested_at, seq, due_at)
    VALUES (v_id, v_secret, p_plan->>'environment', p_plan#>>'{workflow,name}', (p_plan#>>'{workflow,number}')::int,
            p_plan->>'trigger', 'running', p_plan->>'reason', p_plan->>'requestedBy', v_at, 1, v_at);
  v_conflict := claim(v_id, p_claims);
  IF v_conflict IS NOT NULL THEN
    RAISE EXCEPTION 'claimed by another rotation' USING ERRCODE = 'KT001', DETAIL = v_conflict::text;
  END IF;
  INSERT INTO journal (rotation_id, seq, at, epoch, kind, event) VALUES (v_id, 1, v_at, 0, 'RotationRequested', v_event);
  INSERT INTO audit (at, environment, secret, rotation_id, principal, action, reason, facts)
    VALUES (v_at, p_plan->>'environment', v_secret, v_id, p_plan->>'requestedBy', 'RotationRequested',
            p_plan->>'reason', v_event || '{"seq": 1, "epoch": 0}');
  RETURN jsonb_build_object('kind', 'accepted', 'rotationId', v_id);
END
$$;

-- Takes the lease on a rotation's secret.
-- In: rotation, holder, time to live. Effect: a new epoch and the lease row; the one probe of an open breaker is used
-- up; taking over from a lease nobody released makes the alias audit look every 30 s for 15 min.
-- Out: {"kind":"granted","secret","fence":{"era","epoch","known"}}, {"kind":"busy"|"full"|"broken","againInMs"} or
-- {"kind":"unknown-rotation"}; anything but granted has changed nothing.
CREATE FUNCTION acquire(p_rotation text, p_holder text, p_ttl_ms double precision) RETURNS jsonb
  LANGUAGE plpgsql SET search_path = keyturn, pg_temp
AS $$
DECLARE
  v_secret text;
  s secrets;
  l leases;
  t targets;
  v_now timestamptz;
  v_at_work integer;
  v_first timestamptz;
  v_epoch bigint;
BEGIN
  SELECT secret INTO v_secret FROM rotations WHERE rotation_id = p_rotation;
  IF NOT FOUND THEN
    RETURN '{"kind": "unknown-rotation"}';
  END IF;
  SELECT * INTO s FROM secrets WHERE secret = v_secret FOR NO KEY UPDATE;
  SELECT * INTO t FROM targets WHERE environment = s.environment AND target = s.target FOR NO KEY UPDATE;
  SELECT * INTO l FROM leases WHERE secret = v_secret FOR NO KEY UPDATE;
  v_now := clock_timestamp();
  IF NOT l.released AND l.expires_at > v_now AND l.holder <> p_holder THEN
    RETURN jsonb_build_object('kind', 'busy', 'againInMs', ceil(extract(epoch FROM l.expires_at - v_now) * 1000));
  END IF;
  IF t.concurrency IS NOT NULL THEN
    SELECT count(*), min(expires_at) INTO v_at_work, v_first FROM leases
      WHERE environment = s.environment AND target = s.target AND NOT released AND expires_at > v_now AND secret <> v_secret;
    IF v_at_work >= t.concurrency THEN
      -- Places are given back by releases, which tell nobody: look again soon.
      RETURN jsonb_build_object('kind', 'full', 'againInMs', least(1000, ceil(extract(epoch FROM v_first - v_now) * 1000)));
    END IF;
  END IF;
  IF t.failures >= 5 THEN
    IF t.probe_at > v_now THEN
      RETURN jsonb_build_object('kind', 'broken', 'againInMs', ceil(extract(epoch FROM t.probe_at - v_now) * 1000));
    END IF;
    UPDATE targets SET probe_at = v_now + interval '30 seconds' WHERE environment = s.environment AND target = s.target;
  END IF;
  IF NOT l.released THEN
    UPDATE secrets SET audit_until = v_now + interval '15 minutes', next_audit_at = least(next_audit_at, v_now + interval '30 seconds')
      WHERE secret = v_secret;
  END IF;
  v_epoch := nextval('epoch_seq');
  INSERT INTO leases (secret, rotation_id, environment, target, holder, epoch, expires_at)
    VALUES (v_secret, p_rotation, s.environment, s.target, p_holder, v_epoch, v_now + p_ttl_ms * interval '1 millisecond')
    ON CONFLICT (secret) DO UPDATE SET rotation_id = excluded.rotation_id, environment = excluded.environment,
      target = excluded.target, holder = excluded.holder, epoch = excluded.epoch, expires_at = excluded.expires_at, released = false;
  RETURN jsonb_build_object('kind', 'granted', 'secret', v_secret, 'fence',
    jsonb_build_object('era', (SELECT era FROM installation), 'epoch', v_epoch, 'known', s.fence_known));
END
$$;

-- Writes the webhooks of one commit into the outbox, one row for each endpoint of the environment. Each webhook of a
-- secret has the next sequence number, whether or not anybody is told.
-- In: the secret as it is locked, the rotation, the time of the commit, [{"type","version","code"}…].
CREATE FUNCTION put_webhooks(p_secret secrets, p_rotation text, p_at timestamptz, p_webhooks jsonb) RETURNS void
  LANGUAGE sql SET search_path = keyturn, pg_temp
AS $$
  -- Materialized, so that one webhook has one id at all endpoints.
  WITH told AS MATERIALIZED (
    SELECT ord, w, 'msg_' || replace(gen_random_uuid()::text, '-', '') AS webhook_id
    FROM jsonb_array_elements(p_webhooks) WITH ORDINALITY AS each (w, ord)
  )
  INSERT INTO deliveries (delivery_id, webhook_id, environment, endpoint, secret, rotation_id, body, next_at)
  SELECT gen_random_uuid()::text, told.webhook_id, e.environment, e.name, p_secret.secret, p_rotation,
    json_build_object(
      'type', told.w->>'type',
      'timestamp', to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'data', json_build_object(
        'environment', p_secret.environment, 'secret', p_secret.secret, 'rotation', p_rotation,
        'version', told.w->'version', 'code', told.w->'code', 'sequence', p_secret.webhook_seq + told.ord))::text,
    p_at
  FROM told JOIN webhook_endpoints e ON e.environment = p_secret.environment AND e.declared AND NOT e.gone
$$;

-- Counts one commit for /metrics. In: [{"step","tookMs"}…], and {"workflow","trigger","outcome"} or JSON null.
CREATE FUNCTION put_counts(p_steps jsonb, p_closed jsonb) RETURNS void
  LANGUAGE plpgsql SET search_path = keyturn, pg_temp
AS $$
DECLARE
  v_shard smallint := pg_backend_pid() % 16;
BEGIN
  IF jsonb_array_length(p_steps) > 0 THEN
    -- Sorted, so that two commits of one shard never wait for each other.
    INSERT INTO step_counters AS c (step, up_to_ms, shard, count, sum_ms)
      SELECT step, up_to, v_shard, count(*), sum(took) FROM (
        SELECT w->>'step' AS step, (w->>'tookMs')::double precision AS took,
          (SELECT min(bound) FROM unnest('{10,25,50,100,250,500,1000,2500,5000,10000,30000,60000,300000,1800000,21600000,Infinity}'::double precision[]) bound
           WHERE bound >= (w->>'tookMs')::double precision) AS up_to
        FROM jsonb_array_elements(p_steps) w) each
      GROUP BY step, up_to ORDER BY step, up_to
      ON CONFLICT (step, up_to_ms, shard) DO UPDATE SET count = c.count + excluded.count, sum_ms = c.sum_ms + excluded.sum_ms;
  END IF;
  IF jsonb_typeof(p_closed) = 'object' THEN
    INSERT INTO rotation_counters AS c (workflow, trigger, outcome, shard, count)
      VALUES (p_closed->>'workflow', p_closed->>'trigger', p_closed->>'outcome', v_shard, 1)
      ON CONFLICT (workflow, trigger, outcome, shard) DO UPDATE SET count = c.count + 1;
  END IF;
END
$$;

-- One commit of an executor.
-- In: the port's `Append` as JSON, with sealed values in hexadecimal. Effect, in one transaction: events, their audit
-- rows, decision, claims, sealed values, derived columns, outbox, counters; RotationClosed closes the claims and deletes
-- the sealed values.
-- Out: {"kind":"appended","seq","atMs","surroundings"}; and with nothing changed: {"kind":"lost"} where the lease (by
-- holder's epoch and the clock) or the sequence is no longer the executor's, {"kind":"stale","surroundings"} where the
-- guard no longer holds, {"kind":"decided","decision"} where the other decision stands.
-- Raises KT001 with {"kind":"claimed",…} as detail, which rolls everything back.
CREATE FUNCTION append(a jsonb) RETURNS jsonb
  LANGUAGE plpgsql SET search_path = keyturn, pg_temp
AS $$
DECLARE
  v_id text := a->>'rotationId';
  v_epoch bigint := (a->>'epoch')::bigint;
  v_seq integer := (a->>'expectedSeq')::integer;
  v_events jsonb := a->'events';
  v_derived jsonb := a->'derived';
  v_told integer := jsonb_array_length(a#>'{derived,webhooks}');
  v_closed boolean := jsonb_typeof(a#>'{derived,closed}') = 'object';
  v_secret text;
  s secrets;
  r rotations;
  l leases;
  v_at timestamptz;
  v_decision text;
  v_decided text;
  v_conflict jsonb;
  v_commanded bigint;
BEGIN
  SELECT secret INTO v_secret FROM rotations WHERE rotation_id = v_id;
  SELECT * INTO s FROM secrets WHERE secret = v_secret FOR NO KEY UPDATE;
  -- Separate statements after the lock: in one with it they would see the past.
  SELECT * INTO r FROM rotations WHERE rotation_id = v_id;
  SELECT * INTO l FROM leases WHERE secret = v_secret;
  v_at := date_trunc('milliseconds', clock_timestamp());
  IF (l.epoch = v_epoch AND l.rotation_id = v_id AND NOT l.released AND l.expires_at > clock_timestamp()
      AND r.seq = v_seq AND r.closed_at IS NULL) IS NOT TRUE THEN
    RETURN '{"kind": "lost"}';
  END IF;
  IF a ? 'guard' AND (s.guard_seq <> (a#>>'{guard,guardSeq}')::bigint
      OR to_ms(clock_timestamp()) NOT BETWEEN (a#>>'{guard,notBeforeMs}')::double precision AND (a#>>'{guard,notAfterMs}')::double precision) THEN
    RETURN jsonb_build_object('kind', 'stale', 'surroundings', surroundings(v_id));
  END IF;

  v_decision := CASE WHEN v_events @> '[{"kind": "DestroyDecided"}]' THEN 'destroy'
                     WHEN v_events @> '[{"kind": "RollbackDecided"}]' THEN 'roll-back' END;
  IF v_decision IS NOT NULL THEN
    INSERT INTO decisions (rotation_id, decision) VALUES (v_id, v_decision) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      SELECT decision INTO v_decided FROM decisions WHERE rotation_id = v_id;
      IF v_decided <> v_decision THEN
        RETURN jsonb_build_object('kind', 'decided', 'decision', v_decided);
      END IF;
    END IF;
  END IF;
  IF a ? 'claims' THEN
    v_conflict := claim(v_id, ARRAY(SELECT jsonb_array_elements_text(a->'claims')));
    IF v_conflict IS NOT NULL THEN
      RAISE EXCEPTION 'claimed by another rotation' USING ERRCODE = 'KT001', DETAIL = v_conflict::text;
    END IF;
  END IF;

  WITH appended AS (
    SELECT v_seq + ord::integer AS seq, e->>'kind' AS kind, e FROM jsonb_array_elements(v_events) WITH ORDINALITY AS each (e, ord)
  ), journaled AS (
    INSERT INTO journal (rotation_id, seq, at, epoch, kind, event) SELECT v_id, seq, v_at, v_epoch, kind, e FROM appended
  )
  INSERT INTO audit (at, environment, secret, rotation_id, principal, action, reason, facts)
    SELECT v_at, r.environment, v_secret, v_id,
      CASE kind WHEN 'CommandTaken' THEN e->>'by' ELSE 'worker:' || l.holder END, kind,
      coalesce(e->>'reason', e->>'why', e->>'code', e->>'status'), e || jsonb_build_object('seq', seq, 'epoch', v_epoch)
    FROM appended ORDER BY seq;

  IF jsonb_array_length(a->'sealed') > 0 THEN
    INSERT INTO sealed_values (rotation_id, slot, sealed)
      SELECT v_id, w->>'slot', decode(w->>'sealed', 'hex') FROM jsonb_array_elements(a->'sealed') w
      ON CONFLICT (rotation_id, slot) DO UPDATE SET sealed = excluded.sealed;
  END IF;

  SELECT max((e->>'commandId')::bigint) INTO v_commanded FROM jsonb_array_elements(v_events) e WHERE e->>'kind' = 'CommandTaken';
  v_commanded := greatest(r.command_id, v_commanded);
  UPDATE rotations SET
    seq = v_seq + jsonb_array_length(v_events),
    status = v_derived->>'status',
    step = v_derived->>'step',
    code = v_derived->>'code',
    command_id = v_commanded,
    rung_at = NULL,
    closed_at = CASE WHEN v_closed THEN v_at END,
    due_at = CASE
      WHEN v_closed THEN NULL
      -- A command that came meanwhile is not put off.
      WHEN EXISTS (SELECT FROM commands c WHERE c.rotation_id = v_id AND c.id > v_commanded) THEN v_at
      -- Due already: left as it is, so that no index entry changes while an executor goes from step to step.
      WHEN (a->>'dueInMs')::double precision = 0 AND r.due_at <= v_at THEN r.due_at
      ELSE v_at + (a->>'dueInMs')::double precision * interval '1 millisecond'
    END
  WHERE rotation_id = v_id;
  IF v_told > 0 OR v_closed OR v_derived ? 'currentVersion' OR ((v_derived->>'fenced')::boolean AND NOT s.fence_known) THEN
    UPDATE secrets SET
      fence_known = fence_known OR (v_derived->>'fenced')::boolean,
      current_version = CASE WHEN v_derived ? 'currentVersion' THEN (v_derived->>'currentVersion')::integer ELSE current_version END,
      last_rotated_at = CASE WHEN v_derived#>>'{closed,outcome}' = 'completed' THEN v_at ELSE last_rotated_at END,
      webhook_seq = webhook_seq + v_told
    WHERE secret = v_secret;
  END IF;
  IF v_closed THEN
    UPDATE claims SET open = false WHERE rotation_id = v_id AND open;
    DELETE FROM sealed_values WHERE rotation_id = v_id;
  END IF;
  IF v_told > 0 THEN
    PERFORM put_webhooks(s, v_id, v_at, v_derived->'webhooks');
  END IF;
  PERFORM put_counts(v_derived->'steps', v_derived->'closed');
  RETURN jsonb_build_object('kind', 'appended', 'seq', v_seq + jsonb_array_length(v_events), 'atMs', to_ms(v_at),
    'surroundings', surroundings(v_id));
END
$$;
