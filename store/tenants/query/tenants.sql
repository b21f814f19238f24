-- name: GetTenantID :one
SELECT id FROM tenants WHERE name = @name;

-- name: GetTenantName :one
SELECT name FROM tenants WHERE id = @id;

-- name: ListTenants :many
SELECT id, name, weight, max_stored_bytes, max_queued_seconds, max_requests, created_at FROM tenants ORDER BY name;

-- name: InsertTenant :execrows
INSERT INTO tenants (name) VALUES (@name) ON CONFLICT DO NOTHING;

-- name: SetTenant :execrows
-- Changes what is given: the weight unless it is 0, and the limits of which it is said. NULL is no limit of its own: the setting
-- counts.
UPDATE tenants SET
    weight             = CASE WHEN @weight::real > 0 THEN @weight::real ELSE weight END,
    max_stored_bytes   = CASE WHEN @set_stored_bytes::boolean THEN sqlc.narg(stored_bytes) ELSE max_stored_bytes END,
    max_queued_seconds = CASE WHEN @set_queued_seconds::boolean THEN sqlc.narg(queued_seconds) ELSE max_queued_seconds END,
    max_requests       = CASE WHEN @set_requests::boolean THEN sqlc.narg(requests) ELSE max_requests END
WHERE name = @name;
