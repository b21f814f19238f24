-- +goose Up
-- The jobs of a multiplication of many tiles are enqueued in batches. What is not enqueued yet is a number in its row. For rows of
-- binaries of the version before this one the defaults say the truth: they enqueue all tiles at once.
ALTER TABLE multiplications
    ADD COLUMN tiles_unqueued bigint  NOT NULL DEFAULT 0,
    ADD COLUMN batched        boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN multiplications.tiles_unqueued IS
    'How many tiles, the last ones, have no job yet. A batch of jobs is enqueued in the transaction that counts a tile.';
COMMENT ON COLUMN multiplications.batched   IS 'Its jobs are in the ranges of job_batches: first_job to last_job is too wide to be read.';

CREATE TABLE job_batches (
    multiplication_id uuid   NOT NULL REFERENCES multiplications ON DELETE CASCADE,
    first_job         bigint NOT NULL,
    last_job          bigint NOT NULL,
    PRIMARY KEY (multiplication_id, first_job)
);

COMMENT ON TABLE job_batches IS 'Of multiplications whose jobs were enqueued in batches: the range of ids in river_job of each batch.';

CREATE VIEW job_ranges AS
SELECT id AS multiplication_id, first_job, last_job FROM multiplications WHERE NOT batched
UNION ALL
SELECT multiplication_id, first_job, last_job FROM job_batches;

COMMENT ON VIEW job_ranges IS 'The ranges of ids in river_job in which the jobs of a multiplication are. Jobs of others may be among them.';

CREATE INDEX multiplications_unqueued ON multiplications (id) WHERE tiles_unqueued > 0 AND state IN ('pending', 'in_progress');
-- The unfinished multiplications whose results need space in the block store: those that may be larger than 64 KiB.
CREATE INDEX multiplications_growing ON multiplications (id) WHERE m * n > 8192 AND state IN ('pending', 'in_progress');

-- +goose Down
-- The version before enqueues no jobs later: all get theirs now. Those of multiplications that have ended wait for a retry.
-- +goose StatementBegin
DO $$
BEGIN
    IF to_regclass('river_job') IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO river_job (kind, args, max_attempts, metadata, priority, queue, scheduled_at, state, finalized_at, tags)
    SELECT 'multiply_tile', jsonb_build_object('multiplication_id', p.id, 'tile', t), 10,
           jsonb_build_object('multiplication_id', p.id), p.priority, 'tiles', p.created_at,
           (CASE WHEN p.finished_at IS NULL THEN 'available' ELSE 'cancelled' END)::river_job_state,
           p.finished_at, ARRAY[p.id::text]
    FROM multiplications p CROSS JOIN generate_series(p.tiles_total - p.tiles_unqueued, p.tiles_total - 1) AS t
    WHERE p.tiles_unqueued > 0
    ORDER BY p.created_at, p.id, t;
    UPDATE multiplications SET last_job = (SELECT max(id) FROM river_job) WHERE tiles_unqueued > 0;
END
$$;
-- +goose StatementEnd
DROP VIEW job_ranges;
DROP TABLE job_batches;
DROP INDEX multiplications_growing;
DROP INDEX multiplications_unqueued;
ALTER TABLE multiplications DROP COLUMN tiles_unqueued, DROP COLUMN batched;
