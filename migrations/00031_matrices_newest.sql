-- +goose NO TRANSACTION
-- +goose Up
-- The list of the matrices of a tenant, of each source the newest first. Its first column is an expression that the statement of
-- that list has, and no other one: with the columns themselves, be they in it or in a condition, plans that are made while the table is
-- empty, and are kept, would use this index in the search for a content, and read each matrix.
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS matrices_tenant_newest;
CREATE INDEX CONCURRENTLY matrices_tenant_newest ON matrices
    ((CASE WHEN state = 'ready' THEN tenant_id END), source, created_at DESC, id DESC);
RESET lock_timeout;

-- +goose Down
DROP INDEX IF EXISTS matrices_tenant_newest;
