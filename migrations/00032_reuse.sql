-- +goose NO TRANSACTION
-- +goose Up
-- A multiplication may have the result of an earlier one. Each statement is a transaction of its own, as in 00014. What binaries of the
-- version before accept has no key, so that it is computed, and reused by none. They read and delete results that are shared as they
-- do uploads.
ALTER TABLE multiplications ADD COLUMN IF NOT EXISTS reuse_key bytea CHECK (length(reuse_key) = 32);
ALTER TABLE multiplications ADD COLUMN IF NOT EXISTS reused boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN multiplications.reuse_key IS 'SHA-256 of its tenant, what its operands are, and what is done with them: others with it have the same result; NULL: not known.';
COMMENT ON COLUMN multiplications.reused    IS 'It was completed with the result of an earlier one, and nothing was computed.';

-- The tenant is part of the key, and no column of this index: there are others that begin with it, which plans that are made while
-- the table is empty, and are kept, would use in the search for a result.
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS multiplications_reuse;
CREATE INDEX CONCURRENTLY multiplications_reuse ON multiplications (reuse_key) WHERE state = 'completed' AND reuse_key IS NOT NULL;
RESET lock_timeout;

-- +goose Down
-- What was reused stays: its result is a matrix that shares its blocks.
DROP INDEX IF EXISTS multiplications_reuse;
ALTER TABLE multiplications DROP COLUMN IF EXISTS reused;
ALTER TABLE multiplications DROP COLUMN IF EXISTS reuse_key;
