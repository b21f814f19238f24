-- +goose NO TRANSACTION
-- +goose Up
-- The list of a tenant's inline multiplications, as before. It has those of tenants that exist, which are all, and which only the
-- statement of that list asks for: with statistics of a time when the table was empty, as it is after a quiet night, an index that has
-- the ids at all seemed to be as good as the primary key in the search for one, and was read as a whole.
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS inline_completed_of_tenant;
CREATE INDEX CONCURRENTLY inline_completed_of_tenant ON inline_completed (tenant_id, id) WHERE tenant_id > 0;
DROP INDEX CONCURRENTLY IF EXISTS inline_completed_tenant;
RESET lock_timeout;

-- +goose Down
SET lock_timeout = 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS inline_completed_tenant ON inline_completed (tenant_id, id);
DROP INDEX CONCURRENTLY IF EXISTS inline_completed_of_tenant;
RESET lock_timeout;
