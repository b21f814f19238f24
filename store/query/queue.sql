-- name: CountJobs :many
-- The jobs of some queues by state, of those that are not finalized. However many there are, it reads at most max_exact
-- entries of River's index for each queue and state, in the order of the index, so that no plan can prefer to read the table.
-- More available jobs than that are estimated: 1,000 ids, evenly spread between the first in line and the newest, are looked
-- up, each at a place of its own within its interval, so that no pattern in the ids is taken for the whole.
WITH counted AS (
    SELECT q.queue, s.state, n.jobs, n.due
    FROM unnest(@queues::text[]) AS q(queue)
    CROSS JOIN unnest('{available,running,retryable,scheduled,pending}'::river_job_state[]) AS s(state)
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs, count(*) FILTER (WHERE x.scheduled_at <= now() + @horizon::interval) AS due
        FROM (SELECT j.scheduled_at FROM river_job j
              WHERE j.state = s.state AND j.queue = q.queue
              ORDER BY j.state, j.queue, j.priority, j.scheduled_at, j.id
              LIMIT @max_exact::int) AS x
    ) AS n
), line AS (
    SELECT q.queue, min(f.scheduled_at) AS since, min(f.id) AS first
    FROM unnest(@queues::text[]) AS q(queue)
    CROSS JOIN unnest('{1,2,3,4}'::smallint[]) AS p(priority)
    CROSS JOIN LATERAL (
        SELECT j.scheduled_at, j.id FROM river_job j
        WHERE j.state = 'available' AND j.queue = q.queue AND j.priority = p.priority
        ORDER BY j.scheduled_at, j.id
        LIMIT 1
    ) AS f
    GROUP BY q.queue
), span AS (
    SELECT min(l.first) AS first, ((SELECT max(id) FROM river_job) - min(l.first)) / 1000 + 1 AS step
    FROM counted c JOIN line l ON l.queue = c.queue
    WHERE c.state = 'available' AND c.jobs >= @max_exact::int
), estimated AS (
    SELECT j.queue, count(*) * span.step AS jobs
    FROM span
    CROSS JOIN generate_series(0, 999) AS i
    JOIN river_job j ON j.id = span.first + i * span.step + (i * 48271::bigint) % span.step
    WHERE j.state = 'available'
    GROUP BY j.queue, span.step
)
SELECT c.queue::text AS queue, c.state::river_job_state AS state,
       greatest(c.jobs, e.jobs)::bigint AS jobs, c.due::bigint AS due,
       (c.jobs >= @max_exact::int)::boolean AS estimated,
       coalesce(extract(epoch FROM now() - l.since), 0)::float8 AS age
FROM counted c
LEFT JOIN line l ON l.queue = c.queue AND c.state = 'available'
LEFT JOIN estimated e ON e.queue = c.queue AND c.state = 'available' AND c.jobs >= @max_exact::int;

-- name: EstimateWork :many
-- What the jobs of some queues cost: the floating-point operations of one that waits or runs, in the mean of the next in
-- line; and how many were completed lately, in how many seconds, for how many operations. It reads a few hundred jobs of each
-- queue, however many there are.
SELECT q.queue::text AS queue, coalesce(waiting.flops, 0)::float8 AS flops,
       recent.jobs::bigint AS recent_jobs, recent.seconds::float8 AS recent_seconds, recent.flops::float8 AS recent_flops
FROM unnest(@queues::text[]) AS q(queue)
CROSS JOIN LATERAL (
    SELECT avg(2::float8 * p.m * p.k * p.n / p.tiles_total) AS flops
    FROM unnest('{available,running}'::river_job_state[]) AS s(state)
    CROSS JOIN LATERAL (
        SELECT j.args FROM river_job j
        WHERE j.state = s.state AND j.queue = q.queue
        ORDER BY j.state, j.queue, j.priority, j.scheduled_at, j.id
        LIMIT 250
    ) AS next
    JOIN multiplications p ON p.id = (next.args->>'multiplication_id')::uuid
) AS waiting
CROSS JOIN LATERAL (
    SELECT count(*) AS jobs, coalesce(sum(extract(epoch FROM done.finalized_at - done.attempted_at)), 0) AS seconds,
           coalesce(sum(2::float8 * p.m * p.k * p.n / p.tiles_total), 0) AS flops
    FROM unnest('{1,2,3,4}'::smallint[]) AS priorities(priority)
    CROSS JOIN LATERAL (
        SELECT j.args, j.attempted_at, j.finalized_at FROM river_job j
        WHERE j.state = 'completed' AND j.queue = q.queue AND j.priority = priorities.priority
        ORDER BY j.scheduled_at DESC, j.id DESC
        LIMIT 50
    ) AS done
    JOIN multiplications p ON p.id = (done.args->>'multiplication_id')::uuid
) AS recent;

-- name: CountLeases :one
-- The processes that have shown themselves within a lease.
SELECT count(*) FROM workers WHERE renewed_at > now() - @lease::interval;
