-- name: CountActiveMultiplications :one
-- Only those that are not finished: there may be millions of the others.
SELECT count(*) FILTER (WHERE state = 'pending')::bigint     AS pending,
       count(*) FILTER (WHERE state = 'in_progress')::bigint AS in_progress
FROM multiplications WHERE state IN ('pending', 'in_progress');

-- name: CountWorkers :one
-- Processes that compute tiles: live leases, without those whose id has the prefix of processes that only do maintenance.
SELECT count(*) FROM workers WHERE renewed_at > now() - @lease::interval AND NOT starts_with(id, @maintenance::text);
