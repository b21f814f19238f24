-- name: CountQueues :many
-- What is to be done. Each count is one walk along River's index for fetching jobs, which has all that this reads. A job that
-- has failed waits as retryable, or, when that is not for long, as available from a later time on.
SELECT q.queue::text AS queue,
       ((SELECT count(*) FROM river_job j WHERE j.state = 'available' AND j.queue = q.queue AND j.scheduled_at <= now())
      + (SELECT count(*) FROM river_job j WHERE j.state IN ('scheduled', 'pending') AND j.queue = q.queue))::bigint AS waiting,
       (SELECT count(*) FROM river_job j WHERE j.state = 'running' AND j.queue = q.queue)::bigint                   AS running,
       ((SELECT count(*) FROM river_job j WHERE j.state = 'available' AND j.queue = q.queue AND j.scheduled_at > now())
      + (SELECT count(*) FROM river_job j WHERE j.state = 'retryable' AND j.queue = q.queue))::bigint               AS retrying
FROM unnest(@queues::text[]) WITH ORDINALITY AS q(queue, position)
ORDER BY q.position;

-- name: CountActiveMultiplications :one
-- Only those that are not finished: there may be millions of the others.
SELECT count(*) FILTER (WHERE state = 'pending')::bigint     AS pending,
       count(*) FILTER (WHERE state = 'in_progress')::bigint AS in_progress
FROM multiplications WHERE state IN ('pending', 'in_progress');

-- name: CountWorkers :one
-- Processes that compute tiles: live leases, without those whose id has the prefix of processes that only do maintenance.
SELECT count(*) FROM workers WHERE renewed_at > now() - @lease::interval AND NOT starts_with(id, @maintenance::text);
