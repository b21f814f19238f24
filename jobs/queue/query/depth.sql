-- name: CountJobs :many
-- The unfinished jobs of several queues by state, up to max_rows of each queue and state: it reads that many entries of River's
-- index river_job_prioritized_fetching_index, in its order, so that no plan can prefer to read the table. 100,000 take about 10 ms
-- of CPU, however many more there are; counting 2,000,000 takes a second.
SELECT q.queue::text AS queue, s.state::river_job_state AS state, n.jobs::bigint AS jobs, n.due::bigint AS due
FROM unnest(@queues::text[]) AS q(queue)
CROSS JOIN unnest('{available,running,retryable,scheduled,pending}'::river_job_state[]) AS s(state)
CROSS JOIN LATERAL (
    SELECT count(*) AS jobs, count(*) FILTER (WHERE x.scheduled_at <= now() + @horizon::interval) AS due
    FROM (SELECT j.scheduled_at FROM river_job j
          WHERE j.state = s.state AND j.queue = q.queue
          ORDER BY j.state, j.queue, j.priority, j.scheduled_at, j.id
          LIMIT @max_rows::int) AS x
) AS n;

-- name: ListOldest :many
-- How long the first job in line of each of several queues has been due, in seconds. One that was put back into the queue is due
-- since then, although its place in line is the one that it had before. Of the first hundred: in a line that is fair the first one
-- may have come last.
SELECT q.queue::text AS queue, extract(epoch FROM now() - min(f.due))::float8 AS age
FROM unnest(@queues::text[]) AS q(queue)
CROSS JOIN unnest('{1,2,3,4}'::smallint[]) AS p(priority)
CROSS JOIN LATERAL (
    SELECT coalesce((j.metadata->>'due_at')::timestamptz, j.scheduled_at) AS due FROM river_job j
    WHERE j.state = 'available' AND j.queue = q.queue AND j.priority = p.priority
    ORDER BY j.scheduled_at, j.id
    LIMIT 100
) AS f
GROUP BY q.queue;

-- name: SampleJobs :many
-- Which groups the next jobs in line, and those that were completed lately, are of, and how long the latter took: a few hundred
-- jobs of each queue, however many there are. Those that compute several multiplications are of no group, and count as so many;
-- bundles are such jobs themselves. Busy is the time in which any of them ran: workers that had nothing to do for longer than
-- they take to fetch were idle.
SELECT done.queue::text AS queue, true AS finished, done.group_id::uuid AS group_id, sum(done.multiplications)::bigint AS jobs,
       count(*)::bigint AS bundles,
       coalesce(sum(extract(epoch FROM done.finalized_at - done.attempted_at)), 0)::float8 AS seconds,
       coalesce(sum(extract(epoch FROM greatest('0', done.finalized_at - greatest(done.before,
           done.attempted_at - CASE WHEN done.before IS NULL THEN interval '0' ELSE '100 milliseconds' END)))), 0)::float8 AS busy
FROM (SELECT q.queue, x.*, max(x.finalized_at) OVER (PARTITION BY q.queue, x.group_id ORDER BY x.attempted_at, x.id
                                                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
      FROM unnest(@queues::text[]) AS q(queue)
      CROSS JOIN unnest('{1,2,3,4}'::smallint[]) AS p(priority)
      CROSS JOIN LATERAL (
          SELECT j.id, j.attempted_at, j.finalized_at, coalesce((j.args->>'multiplications')::int, 1) AS multiplications,
                 coalesce((j.args->>'multiplication_id')::uuid, '00000000-0000-0000-0000-000000000000') AS group_id
          FROM river_job j
          WHERE j.state = 'completed' AND j.queue = q.queue AND j.priority = p.priority
            -- Those of the version before have places that are times.
            AND j.scheduled_at < CASE q.queue WHEN 'tiles' THEN '2000-01-01 00:00:00+00'::timestamptz ELSE 'infinity' END
          ORDER BY j.scheduled_at DESC, j.id DESC
          LIMIT 50
      ) AS x
) AS done
GROUP BY 1, 3
UNION ALL
SELECT q.queue::text, false, coalesce((next.args->>'multiplication_id')::uuid, '00000000-0000-0000-0000-000000000000')::uuid,
       sum(coalesce((next.args->>'multiplications')::int, 1))::bigint, count(*)::bigint, 0::float8, 0::float8
FROM unnest(@queues::text[]) AS q(queue)
CROSS JOIN unnest('{available,running}'::river_job_state[]) AS s(state)
CROSS JOIN LATERAL (
    SELECT j.args FROM river_job j
    WHERE j.state = s.state AND j.queue = q.queue
    ORDER BY j.state, j.queue, j.priority, j.scheduled_at, j.id
    LIMIT 250
) AS next
GROUP BY 1, 3;

-- name: CountUnqueued :one
-- The tiles of active multiplications that have no job yet, and their floating-point operations: of up to max_rows
-- multiplications.
SELECT coalesce(sum(x.tiles), 0)::bigint AS tiles, coalesce(sum(x.tiles * x.flops), 0)::float8 AS flops
FROM (SELECT p.tiles_unqueued AS tiles, 2::float8 * p.m * p.k * p.n / p.tiles_total AS flops FROM multiplications p
      WHERE p.tiles_unqueued > 0 AND p.state IN ('pending', 'in_progress')
      LIMIT @max_rows::int) AS x;
