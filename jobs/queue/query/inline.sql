-- name: InsertBundles :many
-- Accepts inline multiplications: a job for each bundle, the rows with their operands, and the responses to requests with keys. All
-- arrays of rows have one length, and so have those of bundles and those of keys. It returns the ids of the rows; the others have
-- keys that were used before. A bundle stands in line as if it had come some seconds ago. It does nothing while a process of a
-- version runs that does not know of such rows, or if a webhook of one of the tenants tells of them. The cast of the state keeps Postgres
-- from reading all jobs of that state: it does so where its statistics say that there are none, which are of a time before many came.
-- In the first minute of such a burst it may still read all of an index for the open bundles. Statements that cannot have other
-- plans than by the ids would be planned each time, which takes Postgres half as long again as this one.
WITH known AS (
    SELECT NOT EXISTS (SELECT FROM workers w WHERE w.schema_version < @inline_since::smallint)
       AND NOT EXISTS (SELECT FROM webhooks h WHERE h.small AND h.disabled_at IS NULL AND h.tenant_id = ANY(@tenants::integer[])) AS yes
), kept AS (
    INSERT INTO idempotency_keys (key, fingerprint, status, location, body, expires_at)
    SELECT x.key, x.fingerprint, @status::smallint, x.location, x.body, clock_timestamp() + @retention::interval
    FROM (SELECT unnest(@keys::text[]) AS key, unnest(@fingerprints::bytea[]) AS fingerprint,
                 unnest(@locations::text[]) AS location, unnest(@bodies::bytea[]) AS body) AS x, known
    WHERE known.yes
    ON CONFLICT (key) DO UPDATE SET
        fingerprint = excluded.fingerprint, status = excluded.status, location = excluded.location, body = excluded.body,
        created_at = excluded.created_at, expires_at = excluded.expires_at
    WHERE idempotency_keys.expires_at <= clock_timestamp()
    RETURNING key
), wanted AS (
    SELECT unnest(@firsts::uuid[]) AS first, unnest(@lasts::uuid[]) AS last, unnest(@urgencies::smallint[]) AS priority,
           unnest(@open_jobs::bigint[]) AS job, unnest(@ahead::float8[]) AS ahead, unnest(@origins::text[]) AS origin
), open AS (
    SELECT j.id FROM river_job j WHERE j.id = ANY(@open_jobs::bigint[]) AND j.state::text = 'available' FOR NO KEY UPDATE SKIP LOCKED
), created AS (
    INSERT INTO river_job (kind, args, max_attempts, metadata, priority, queue, scheduled_at, state, tags)
    SELECT @kind::text, jsonb_build_object('first', w.first, 'last', w.last), @max_attempts::smallint,
           CASE WHEN w.origin <> '' THEN jsonb_build_object('traceparent', w.origin) ELSE '{}' END,
           w.priority, @queue::text, now() - w.ahead * interval '1 second', 'available'::river_job_state, '{}'
    FROM wanted w, known
    WHERE known.yes AND w.job NOT IN (SELECT id FROM open)
    RETURNING id, (args->>'first')::uuid AS first
)
INSERT INTO inline_pending (id, job, priority, m, k, n, a_float32, b_float32, checksum, operands, tenant_id)
SELECT x.id, coalesce(c.id, w.job), x.priority, x.m, x.k, x.n, x.a_float32, x.b_float32, x.checksum, x.operands, x.tenant_id
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@bundle_of::uuid[]) AS first, unnest(@m::smallint[]) AS m,
             unnest(@k::smallint[]) AS k, unnest(@n::smallint[]) AS n, unnest(@a_float32::boolean[]) AS a_float32,
             unnest(@b_float32::boolean[]) AS b_float32, unnest(@checksums::integer[]) AS checksum,
             unnest(@operands::bytea[]) AS operands, unnest(@key_of::text[]) AS key, unnest(@priorities::smallint[]) AS priority,
             unnest(@tenants::integer[]) AS tenant_id) AS x
JOIN known ON known.yes
JOIN wanted w ON w.first = x.first
LEFT JOIN created c ON c.first = x.first
WHERE x.key = '' OR x.key IN (SELECT key FROM kept)
RETURNING id, job;

-- name: KnowInline :one
-- Whether each process understands inline multiplications, which came with schema version inline_since, and no webhook of the tenants
-- tells of them.
SELECT (NOT EXISTS (SELECT 1 FROM workers w WHERE w.schema_version < @inline_since::smallint)
    AND NOT EXISTS (SELECT FROM webhooks h WHERE h.small AND h.disabled_at IS NULL AND h.tenant_id = ANY(@tenants::integer[])))::boolean;

-- name: ListBundle :many
-- The multiplications of a bundle that wait.
SELECT id, tenant_id, m, k, n, a_float32, b_float32, checksum, operands FROM inline_pending
WHERE id BETWEEN @first::uuid AND @last::uuid AND job = @job
ORDER BY id;

-- name: CompleteBundle :many
-- Transition complete of inline multiplications, and with it the end of their job. Those that do not wait any more were cancelled
-- meanwhile, or completed by another worker. The job ends only in the attempt that began at started_at: after another one has begun,
-- or when it waits for one, it may have multiplications that this one does not know.
WITH results AS (
    SELECT unnest(@ids::uuid[]) AS id, unnest(@results::bytea[]) AS result, unnest(@checksums::integer[]) AS checksum
), done AS (
    DELETE FROM inline_pending p WHERE p.id = ANY(@ids::uuid[]) AND p.job = @job
    RETURNING p.*
), job AS (
    UPDATE river_job SET
        state = 'completed', finalized_at = now(),
        args  = args || jsonb_build_object('multiplications', array_length(@ids::uuid[], 1))
    WHERE id = @job AND state = 'running' AND attempted_at = @started_at::timestamptz
)
INSERT INTO inline_completed (id, job, started_at, finished_at, priority, m, k, n, a_float32, b_float32, checksum, result_checksum,
                              operands, result, tenant_id)
SELECT d.id, d.job, @started_at::timestamptz, greatest(clock_timestamp(), @started_at::timestamptz), d.priority, d.m, d.k, d.n,
       d.a_float32, d.b_float32, d.checksum, r.checksum, d.operands, r.result, d.tenant_id
FROM done d JOIN results r ON r.id = d.id
RETURNING id;

-- name: ExpandInline :many
-- No transition: gives those of the given ids that are inline multiplications rows of their own, and a job if they wait.
SELECT expand_inline(@ids::uuid[], @retention::interval, @max_attempts::integer)::uuid AS id;

-- name: ListInlineProgress :many
-- What the jobs of bundles tell of the given inline multiplications that wait. Jobs are looked up by the first in a range of one id:
-- while statistics say that there are none, River's index, in which the id is last, seems to be as good as the primary key, but has
-- not the order that is asked for.
SELECT p.id AS group_id, (j.state = 'running')::boolean AS running, j.attempt
FROM unnest(@ids::uuid[]) AS g(id)
CROSS JOIN LATERAL (SELECT * FROM inline_pending x WHERE x.id = g.id OFFSET 0) AS p
CROSS JOIN LATERAL (SELECT * FROM river_job x WHERE x.id BETWEEN p.job AND p.job ORDER BY x.id LIMIT 1) AS j;

-- name: ListStoppedInline :many
-- Inline multiplications that wait although the job of their bundle was discarded or cancelled lately.
SELECT p.id, j.state FROM river_job j
CROSS JOIN LATERAL (SELECT * FROM inline_pending x
                    WHERE x.id BETWEEN (j.args->>'first')::uuid AND (j.args->>'last')::uuid AND x.job = j.id OFFSET 0) AS p
WHERE j.state IN ('cancelled', 'discarded') AND j.finalized_at > now() - @since::interval AND j.kind = @kind::text
LIMIT @max_rows;

-- name: ListUnsettledInline :many
-- Inline multiplications that wait for a job that is not there, or has ended: people have deleted it. It reads all that wait.
SELECT p.id FROM inline_pending p LEFT JOIN river_job j ON j.id = p.job
WHERE j.id IS NULL OR j.finalized_at IS NOT NULL
LIMIT @max_rows;

-- name: CountInline :many
-- The inline multiplications that wait, up to max_rows of them, by the state of the jobs of their bundles, and how many such jobs.
SELECT j.state, sum(x.waiting)::bigint AS waiting, count(*)::bigint AS jobs
FROM (SELECT y.job, count(*) AS waiting FROM (SELECT p.job FROM inline_pending p LIMIT @max_rows::int) AS y GROUP BY y.job) AS x
CROSS JOIN LATERAL (SELECT * FROM river_job z WHERE z.id BETWEEN x.job AND x.job ORDER BY z.id LIMIT 1) AS j
GROUP BY j.state;
