-- +goose NO TRANSACTION
-- +goose Up
-- The list of the matrices of a tenant, of each source the newest first. The tenant is an expression that the statement of that list
-- has, and no other one: with the column, plans that are made while the table is empty, and are kept, would use this index in the
-- search for a content, and read each matrix of the tenant.
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS matrices_tenant_newest;
CREATE INDEX CONCURRENTLY matrices_tenant_newest ON matrices ((tenant_id::bigint), source, created_at DESC, id DESC)
    WHERE state = 'ready';
RESET lock_timeout;

-- +goose Down
DROP INDEX IF EXISTS matrices_tenant_newest;
