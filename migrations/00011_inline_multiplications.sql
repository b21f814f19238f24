-- +goose Up
-- A small multiplication whose operands came with its submission is one row: first of inline_pending, then of inline_completed.
-- Its matrices have no rows. Their ids are its own id, whose last two bits are 0, with these bits set to the number of the
-- part: 1 and 2 for the operands, 3 for the result. What happens to few of them, a failure, say, or a cancellation, happens to
-- rows of multiplications, matrices and river_job: the row is expanded into these before.
CREATE TABLE inline_pending (
    id        uuid     PRIMARY KEY,
    job       bigint   NOT NULL,
    priority  smallint NOT NULL CHECK (priority BETWEEN 1 AND 4),
    m         smallint NOT NULL,
    k         smallint NOT NULL,
    n         smallint NOT NULL,
    a_float32 boolean  NOT NULL,
    b_float32 boolean  NOT NULL,
    checksum  integer  NOT NULL,
    operands  bytea    NOT NULL
);

CREATE TABLE inline_completed (
    id              uuid        PRIMARY KEY,
    job             bigint      NOT NULL,
    started_at      timestamptz NOT NULL,
    finished_at     timestamptz NOT NULL,
    priority        smallint    NOT NULL,
    m               smallint    NOT NULL,
    k               smallint    NOT NULL,
    n               smallint    NOT NULL,
    a_float32       boolean     NOT NULL,
    b_float32       boolean     NOT NULL,
    checksum        integer     NOT NULL,
    result_checksum integer     NOT NULL,
    operands        bytea       NOT NULL,
    result          bytea       NOT NULL
);

COMMENT ON TABLE  inline_pending                   IS 'Small multiplications with their operands, which wait for the job of their bundle.';
COMMENT ON TABLE  inline_completed                 IS 'Small multiplications with their operands and their results.';
COMMENT ON COLUMN inline_pending.id                IS 'UUIDv7; the submission was at its time.';
COMMENT ON COLUMN inline_pending.job               IS 'The job in river_job that computes a bundle of them, this one among them.';
COMMENT ON COLUMN inline_pending.a_float32         IS 'The elements of the left operand are float32, not float64.';
COMMENT ON COLUMN inline_pending.checksum          IS 'CRC-32C of operands, the same bits as a signed number.';
COMMENT ON COLUMN inline_pending.operands          IS 'The elements of the left and of the right operand, each row-major and little-endian.';
COMMENT ON COLUMN inline_completed.result_checksum IS 'CRC-32C of result, the same bits as a signed number.';

ALTER TABLE inline_pending   ALTER COLUMN operands SET STORAGE EXTERNAL;
ALTER TABLE inline_completed ALTER COLUMN operands SET STORAGE EXTERNAL, ALTER COLUMN result SET STORAGE EXTERNAL;

-- Rows come and go: vacuum them soon, and keep the pages. A table that shrinks to nothing looks as if reading all of it were
-- cheap, and plans are made for that which are still used when it has a million rows; so both begin with 4 MiB of free pages.
ALTER TABLE inline_pending SET (
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_scale_factor = 0.2,
    vacuum_truncate = off);
ALTER TABLE inline_completed SET (vacuum_truncate = off);
INSERT INTO inline_pending
SELECT gen_random_uuid(), 0, 1, 1, 1, 1, false, false, 0, decode(repeat('00', 1900), 'hex') FROM generate_series(1, 2000);
INSERT INTO inline_completed
SELECT id, 0, now(), now(), 1, 1, 1, 1, false, false, 0, 0, operands, '' FROM inline_pending;
DELETE FROM inline_pending;
DELETE FROM inline_completed;

-- +goose StatementBegin
CREATE FUNCTION inline_part(id uuid, part int) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT encode(set_byte(uuid_send(id), 15, get_byte(uuid_send(id), 15) & 252 | part), 'hex')::uuid
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION inline_part IS 'The id of a matrix of an inline multiplication: 1 and 2 are the operands, 3 is the result.';

-- +goose StatementBegin
CREATE FUNCTION inline_time(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT timestamptz 'epoch' + ('x' || encode(substr(uuid_send(id), 1, 6), 'hex'))::bit(48)::bigint * interval '1 millisecond'
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION inline_time IS 'The time of a UUIDv7.';

-- +goose StatementBegin
CREATE FUNCTION expand_inline(ids uuid[], keep interval, attempts int) RETURNS SETOF uuid LANGUAGE sql AS $$
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
COMMENT ON FUNCTION expand_inline IS
    'Gives inline multiplications rows of their own, as they would have if they were not small, and those that wait a job of their own.';

-- +goose Down
SELECT expand_inline(array_agg(id), interval '7 days', 10) FROM inline_completed;
SELECT expand_inline(array_agg(id), interval '7 days', 10) FROM inline_pending;
DELETE FROM river_job WHERE kind = 'multiply_inline' AND finalized_at IS NULL; -- of which the version before knows nothing
DROP FUNCTION expand_inline;
DROP TABLE inline_completed;
DROP TABLE inline_pending;
DROP FUNCTION inline_time;
DROP FUNCTION inline_part;
