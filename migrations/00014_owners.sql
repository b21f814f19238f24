-- +goose NO TRANSACTION
-- +goose Up
-- Each statement is a transaction of its own, and can be repeated: one that held the lock of a table while it waited for that of another
-- one would wait for transactions that wait for it, and not get both while there is much to do.

-- Each row belongs to a tenant. Those that binaries of the version before this one write belong to the tenant 1, which is the one
-- that there is without authentication; other tenants get no inline multiplications while such a binary runs, because its workers
-- would complete them without their tenant. There are no foreign keys: they would cost each row a look and a lock.
ALTER TABLE matrices         ADD COLUMN IF NOT EXISTS tenant_id integer NOT NULL DEFAULT 1;
ALTER TABLE multiplications  ADD COLUMN IF NOT EXISTS tenant_id integer NOT NULL DEFAULT 1;
ALTER TABLE inline_pending   ADD COLUMN IF NOT EXISTS tenant_id integer NOT NULL DEFAULT 1;
ALTER TABLE inline_completed ADD COLUMN IF NOT EXISTS tenant_id integer NOT NULL DEFAULT 1;

COMMENT ON COLUMN matrices.tenant_id         IS 'Whose it is. For all others there is no such matrix.';
COMMENT ON COLUMN multiplications.tenant_id  IS 'Whose it is, and whose its matrices are.';
COMMENT ON COLUMN inline_pending.tenant_id   IS 'Whose it is.';
COMMENT ON COLUMN inline_completed.tenant_id IS 'Whose it is.';

-- Lists are of one tenant. A list of inline multiplications would otherwise read those of all tenants that are newer.
CREATE INDEX IF NOT EXISTS multiplications_tenant_newest ON multiplications (tenant_id, state, created_at DESC, id DESC);
DROP INDEX IF EXISTS multiplications_state_newest;
CREATE INDEX IF NOT EXISTS inline_completed_tenant ON inline_completed (tenant_id, id);

-- Binaries of the version before this one say ON CONFLICT (key), so that the key stays the primary key. That of another tenant than
-- 1 begins with the tenant, between characters that the keys of clients do not have.
COMMENT ON COLUMN idempotency_keys.key IS
    'What the client sent; with a line feed, the tenant and a line feed before it, unless it is the tenant 1.';

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION expand_inline(ids uuid[], keep interval, attempts int) RETURNS SETOF uuid LANGUAGE sql AS $$
    WITH waiting AS (
        DELETE FROM inline_pending p WHERE p.id = ANY(ids)
        RETURNING p.id, p.priority, p.m, p.k, p.n, p.a_float32, p.b_float32, p.operands, NULL::bytea AS result,
                  NULL::timestamptz AS started_at, NULL::timestamptz AS finished_at, NULL::bigint AS job, p.tenant_id
    ), done AS (
        DELETE FROM inline_completed p WHERE p.id = ANY(ids)
        RETURNING p.id, p.priority, p.m, p.k, p.n, p.a_float32, p.b_float32, p.operands, p.result, p.started_at, p.finished_at, p.job,
                  p.tenant_id
    ), moved AS (
        SELECT x.*, x.m::int * x.k * CASE WHEN x.a_float32 THEN 4 ELSE 8 END AS a_size,
               CASE WHEN x.a_float32 THEN 'float32' ELSE 'float64' END AS a_type,
               CASE WHEN x.b_float32 THEN 'float32' ELSE 'float64' END AS b_type,
               CASE WHEN x.a_float32 AND x.b_float32 THEN 'float32' ELSE 'float64' END AS c_type,
               coalesce(x.finished_at, now()) + keep AS until
        FROM (SELECT * FROM waiting UNION ALL SELECT * FROM done) AS x
    ), parts AS (
        INSERT INTO matrices (id, rows, cols, dtype, source, state, content, created_at, expires_at, tenant_id)
        SELECT inline_part(x.id, 1), x.m, x.k, x.a_type, 'inline', 'ready', substr(x.operands, 1, x.a_size), inline_time(x.id), x.until,
               x.tenant_id
        FROM moved x
        UNION ALL
        SELECT inline_part(x.id, 2), x.k, x.n, x.b_type, 'inline', 'ready', substr(x.operands, x.a_size + 1), inline_time(x.id), x.until,
               x.tenant_id
        FROM moved x
        UNION ALL
        SELECT inline_part(x.id, 3), x.m, x.n, x.c_type, 'product', CASE WHEN x.result IS NULL THEN 'uploading' ELSE 'ready' END,
               x.result, inline_time(x.id), x.until, x.tenant_id
        FROM moved x
    ), enqueued AS (
        INSERT INTO river_job (kind, args, max_attempts, metadata, priority, queue, scheduled_at, state, tags)
        SELECT 'multiply_tile', jsonb_build_object('multiplication_id', x.id::text, 'tile', 0), attempts,
               jsonb_build_object('multiplication_id', x.id::text,
                                  'product', format('%s×%s times %s×%s, %s', x.m, x.k, x.k, x.n, x.c_type)),
               x.priority, 'small', least(inline_time(x.id), now()), 'available'::river_job_state, ARRAY[x.id::text]
        FROM moved x WHERE x.result IS NULL
        ORDER BY x.id
        RETURNING id, (args->>'multiplication_id')::uuid AS product
    )
    INSERT INTO multiplications (id, a, b, c, priority, state, m, k, n, dtype, tile_rows, tile_cols, tiles_total, tiles_completed,
                                 first_job, last_job, created_at, started_at, finished_at, expires_at, events, tenant_id)
    SELECT x.id, inline_part(x.id, 1), inline_part(x.id, 2), inline_part(x.id, 3), x.priority,
           CASE WHEN x.result IS NULL THEN 'pending' ELSE 'completed' END, x.m, x.k, x.n, x.c_type, x.m, x.n, 1,
           CASE WHEN x.result IS NULL THEN 0 ELSE 1 END, coalesce(e.id, x.job), coalesce(e.id, x.job), inline_time(x.id),
           x.started_at, x.finished_at, x.until, CASE WHEN x.result IS NULL THEN 1 ELSE 2 END, x.tenant_id
    FROM moved x LEFT JOIN enqueued e ON e.product = x.id
    RETURNING id
$$;
-- +goose StatementEnd

-- +goose Down
-- What other tenants have made stays, and is of all: the version before knows of no tenants.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION expand_inline(ids uuid[], keep interval, attempts int) RETURNS SETOF uuid LANGUAGE sql AS $$
    WITH waiting AS (
        DELETE FROM inline_pending p WHERE p.id = ANY(ids)
        RETURNING p.id, p.priority, p.m, p.k, p.n, p.a_float32, p.b_float32, p.operands, NULL::bytea AS result,
                  NULL::timestamptz AS started_at, NULL::timestamptz AS finished_at, NULL::bigint AS job
    ), done AS (
        DELETE FROM inline_completed p WHERE p.id = ANY(ids)
        RETURNING p.id, p.priority, p.m, p.k, p.n, p.a_float32, p.b_float32, p.operands, p.result, p.started_at, p.finished_at, p.job
    ), moved AS (
        SELECT x.*, x.m::int * x.k * CASE WHEN x.a_float32 THEN 4 ELSE 8 END AS a_size,
               CASE WHEN x.a_float32 THEN 'float32' ELSE 'float64' END AS a_type,
               CASE WHEN x.b_float32 THEN 'float32' ELSE 'float64' END AS b_type,
               CASE WHEN x.a_float32 AND x.b_float32 THEN 'float32' ELSE 'float64' END AS c_type,
               coalesce(x.finished_at, now()) + keep AS until
        FROM (SELECT * FROM waiting UNION ALL SELECT * FROM done) AS x
    ), parts AS (
        INSERT INTO matrices (id, rows, cols, dtype, source, state, content, created_at, expires_at)
        SELECT inline_part(x.id, 1), x.m, x.k, x.a_type, 'inline', 'ready', substr(x.operands, 1, x.a_size), inline_time(x.id), x.until
        FROM moved x
        UNION ALL
        SELECT inline_part(x.id, 2), x.k, x.n, x.b_type, 'inline', 'ready', substr(x.operands, x.a_size + 1), inline_time(x.id), x.until
        FROM moved x
        UNION ALL
        SELECT inline_part(x.id, 3), x.m, x.n, x.c_type, 'product', CASE WHEN x.result IS NULL THEN 'uploading' ELSE 'ready' END,
               x.result, inline_time(x.id), x.until
        FROM moved x
    ), enqueued AS (
        INSERT INTO river_job (kind, args, max_attempts, metadata, priority, queue, scheduled_at, state, tags)
        SELECT 'multiply_tile', jsonb_build_object('multiplication_id', x.id::text, 'tile', 0), attempts,
               jsonb_build_object('multiplication_id', x.id::text,
                                  'product', format('%s×%s times %s×%s, %s', x.m, x.k, x.k, x.n, x.c_type)),
               x.priority, 'small', least(inline_time(x.id), now()), 'available'::river_job_state, ARRAY[x.id::text]
        FROM moved x WHERE x.result IS NULL
        ORDER BY x.id
        RETURNING id, (args->>'multiplication_id')::uuid AS product
    )
    INSERT INTO multiplications (id, a, b, c, priority, state, m, k, n, dtype, tile_rows, tile_cols, tiles_total, tiles_completed,
                                 first_job, last_job, created_at, started_at, finished_at, expires_at, events)
    SELECT x.id, inline_part(x.id, 1), inline_part(x.id, 2), inline_part(x.id, 3), x.priority,
           CASE WHEN x.result IS NULL THEN 'pending' ELSE 'completed' END, x.m, x.k, x.n, x.c_type, x.m, x.n, 1,
           CASE WHEN x.result IS NULL THEN 0 ELSE 1 END, coalesce(e.id, x.job), coalesce(e.id, x.job), inline_time(x.id),
           x.started_at, x.finished_at, x.until, CASE WHEN x.result IS NULL THEN 1 ELSE 2 END
    FROM moved x LEFT JOIN enqueued e ON e.product = x.id
    RETURNING id
$$;
-- +goose StatementEnd
DROP INDEX IF EXISTS inline_completed_tenant;
CREATE INDEX IF NOT EXISTS multiplications_state_newest ON multiplications (state, created_at DESC, id DESC);
DROP INDEX IF EXISTS multiplications_tenant_newest;
ALTER TABLE inline_completed DROP COLUMN IF EXISTS tenant_id;
ALTER TABLE inline_pending   DROP COLUMN IF EXISTS tenant_id;
ALTER TABLE multiplications  DROP COLUMN IF EXISTS tenant_id;
ALTER TABLE matrices         DROP COLUMN IF EXISTS tenant_id;
