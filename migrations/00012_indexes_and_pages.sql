-- +goose Up
-- River makes two GIN indexes, on args and metadata of its jobs, for lists of jobs by their metadata. Nothing reads them: neither a
-- statement of Millrace, nor one of River 0.51.1 that Millrace has it execute, nor River UI 0.22.0. For each job that is inserted,
-- fetched and completed they cost 1,900 of 3,900 bytes of WAL, 800 to 900 of 1,600 to 1,900 bytes on disk, and nine tenths of the
-- time of a vacuum (10,000 jobs of bundles, and as many of tiles).
DROP INDEX river_job_args_index, river_job_metadata_index;

-- Plans of prepared statements are kept. One that is made while a table is empty reads all of it, which costs nothing then, and
-- is used until the next ANALYZE, when the table may have a hundred thousand rows. A table that has pages, be they empty, is read
-- by its index from the beginning, as those of inline multiplications are.
ALTER TABLE river_job SET (vacuum_truncate = off);
INSERT INTO river_job (kind, max_attempts, args, finalized_at, state)
SELECT 'multiply_inline', 1, jsonb_build_object('pages', repeat('0', 700)), now(), 'completed' FROM generate_series(1, 2000);
DELETE FROM river_job WHERE kind = 'multiply_inline' AND args ? 'pages';

-- Fillfactors stay: a job changes its state, which indexes have, so that its updates are never HOT; rows of inline_pending,
-- inline_completed and idempotency_keys are inserted and deleted; workers are a page or two.

-- +goose Down
CREATE INDEX river_job_args_index ON river_job USING GIN (args);
CREATE INDEX river_job_metadata_index ON river_job USING GIN (metadata);
ALTER TABLE river_job RESET (vacuum_truncate);
