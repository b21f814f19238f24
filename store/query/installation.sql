-- name: LockInstallation :exec
-- Processes that start at the same time look at the identity one after the other.
SELECT pg_advisory_xact_lock(7885083650861163);

-- name: GetInstallation :one
SELECT id, marked FROM installation;

-- name: InsertInstallation :exec
INSERT INTO installation (id) VALUES ($1);

-- name: SetInstallation :exec
UPDATE installation SET id = @id, marked = @marked;

-- name: ListOwned :many
-- Those of the given ids that have a row.
SELECT id FROM matrices WHERE id = ANY(@ids::uuid[]);
