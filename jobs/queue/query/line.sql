-- name: Place :execrows
-- Places the tiles of a multiplication that wait a number of virtual seconds apart, in the order in which they are. The first one
-- stays where it is, but comes nearer as the others do; or it is as new, afresh. What has a time as its place is due since then. Locks the multiplication first, and does nothing
-- while another transaction has it.
WITH locked AS (
    SELECT m.id FROM multiplications m WHERE m.id = @id FOR NO KEY UPDATE SKIP LOCKED
), place AS (
    SELECT p.*, line_now(p.priority) AS now, @step::float8 AS new_step, @afresh::boolean AS afresh
    FROM line_places p JOIN locked l ON l.id = p.multiplication_id
), waiting AS (
    SELECT j.id, row_number() OVER (ORDER BY j.scheduled_at, j.id) AS n, j.scheduled_at AS at
    FROM locked l JOIN job_ranges r ON r.multiplication_id = l.id CROSS JOIN LATERAL (
        SELECT * FROM river_job x WHERE x.id BETWEEN r.first_job AND r.last_job OFFSET 0
    ) AS j
    WHERE j.args->>'multiplication_id' = l.id::text AND j.state = 'available'
), begin AS (
    SELECT x.id, x.new_step, CASE WHEN x.afresh OR x.step = 0 OR x.begun IS NULL OR x.begun >= '2000-01-01 00:00:00+00'
                      THEN line_place(x.now, x.new_step)
                      WHEN x.begun <= x.now THEN x.begun
                      ELSE least(line_place(x.now, x.new_step),
                                 x.now + (x.begun - x.now) * least(1, x.new_step / x.step)) END AS at
    FROM (SELECT p.multiplication_id AS id, p.step, p.new_step, p.afresh, p.now, min(w.at) AS begun
          FROM place p LEFT JOIN waiting w ON true GROUP BY 1, 2, 3, 4, 5) AS x
), moved AS (
    UPDATE river_job j SET
        scheduled_at = line_place(b.at, b.new_step * (w.n - 1)),
        metadata     = CASE WHEN j.metadata ? 'due_at' THEN j.metadata
                            ELSE j.metadata || jsonb_build_object('due_at', j.scheduled_at) END
    FROM waiting w, begin b
    WHERE j.id = w.id AND (j.state = 'available' AND j.queue = 'tiles') IS TRUE
)
UPDATE line_places p SET
    step = b.new_step,
    last = line_place(b.at, b.new_step * ((SELECT count(*) FROM waiting) - 1))
FROM begin b WHERE p.multiplication_id = b.id;

-- name: JoinLine :one
-- Puts a multiplication into the line whose tiles are to be placed, and returns how far apart. Jobs that have another priority than
-- their multiplication have one that counts among its tenant's only.
INSERT INTO line_places (multiplication_id, tenant_id, priority, share, cost, step, last)
SELECT @id, @tenant, j.priority, CASE WHEN j.priority = @priority::smallint THEN 1 ELSE @share::real END, @cost, 0, line_now(j.priority)
FROM (SELECT coalesce((SELECT x.priority FROM river_job x WHERE x.id = @first_job), @priority::smallint) AS priority) AS j
ON CONFLICT (multiplication_id) DO UPDATE SET step = 0
RETURNING line_step(tenant_id, priority, cost, share)::float8 AS step;

-- name: LeaveLine :exec
DELETE FROM line_places WHERE multiplication_id = $1;

-- name: DeletePlaces :exec
DELETE FROM line_places p WHERE p.multiplication_id = ANY(@ids::uuid[])
  AND NOT EXISTS (SELECT FROM multiplications m WHERE m.id = p.multiplication_id AND m.state IN ('pending', 'in_progress'));

-- name: ListLine :many
-- What stands in line: up to max_rows multiplications, with the tiles that wait or have no job yet.
SELECT p.*, coalesce(t.weight, 1)::real AS weight, (m.id IS NOT NULL)::boolean AS active, coalesce(m.tiles_unqueued, 0)::bigint AS unqueued,
       greatest(0, coalesce(m.tiles_total - m.tiles_completed - coalesce(r.running, 0), 0))::bigint AS waiting, coalesce(r.running, 0)::bigint AS running
FROM (SELECT * FROM line_places LIMIT @max_rows::int) AS p
LEFT JOIN multiplications m ON m.id = p.multiplication_id AND m.state IN ('pending', 'in_progress')
LEFT JOIN tenants t ON t.id = p.tenant_id
LEFT JOIN (SELECT (j.args->>'multiplication_id')::uuid AS id, count(*) AS running FROM river_job j
           WHERE j.state = 'running' AND j.queue = 'tiles' GROUP BY 1) AS r ON r.id = p.multiplication_id;

-- name: ListStrangers :many
-- Multiplications with tiles that wait without a place: processes of the version before have enqueued them.
SELECT DISTINCT m.id, s.priority, m.tenant_id, (2::float8 * m.m * m.k * m.n / greatest(1, m.tiles_total))::float8 AS flops
FROM unnest('{1,2,3,4}'::smallint[]) AS p(priority)
CROSS JOIN LATERAL (
    SELECT j.args, j.priority FROM river_job j
    WHERE j.state = 'available' AND j.queue = 'tiles' AND j.priority = p.priority AND j.scheduled_at >= '2000-01-01 00:00:00+00'
    ORDER BY j.scheduled_at, j.id
    LIMIT @max_rows
) AS s
JOIN multiplications m ON m.id = (s.args->>'multiplication_id')::uuid AND m.state IN ('pending', 'in_progress');

-- name: ReadClocks :many
-- Where the lines are.
SELECT c.priority, line_now(c.priority)::timestamptz AS at FROM line_clocks c ORDER BY c.priority;

-- name: AdvanceClocks :exec
UPDATE line_clocks c SET at = x.at
FROM (SELECT y.priority, line_now(y.priority) AS at FROM line_clocks y) AS x
WHERE x.priority = c.priority AND x.at > c.at;

-- name: SaveTenants :exec
WITH now AS (
    SELECT unnest(@tenants::integer[]) AS tenant_id, unnest(@priorities::smallint[]) AS priority,
           unnest(@shares::real[]) AS shares, unnest(@waiting::real[]) AS waiting
), gone AS (
    DELETE FROM line_tenants t WHERE NOT EXISTS (SELECT FROM now n WHERE n.tenant_id = t.tenant_id AND n.priority = t.priority)
)
INSERT INTO line_tenants AS t (tenant_id, priority, shares, waiting) SELECT * FROM now
ON CONFLICT (tenant_id, priority) DO UPDATE SET shares = excluded.shares, waiting = excluded.waiting
WHERE (t.shares, t.waiting) <> (excluded.shares, excluded.waiting);

-- name: ClaimLine :execrows
-- Says that this process keeps the line now, unless another has done so a moment ago.
UPDATE line_keepers SET kept_at = clock_timestamp() WHERE kept_at < clock_timestamp() - @age::interval;

-- name: ListWeights :many
-- The tenants whose weight is not the default.
SELECT id, weight FROM tenants WHERE weight <> 1 LIMIT @max_rows;

-- name: ReadSmallHeads :many
-- Since when the first job of queue small waits, in seconds, by priority.
SELECT p.priority::smallint AS priority, greatest(0, extract(epoch FROM now() - f.scheduled_at))::float8 AS waits
FROM unnest('{1,2,3,4}'::smallint[]) AS p(priority)
CROSS JOIN LATERAL (
    SELECT j.scheduled_at FROM river_job j
    WHERE j.state = 'available' AND j.queue = 'small' AND j.priority = p.priority
    ORDER BY j.scheduled_at, j.id
    LIMIT 1
) AS f;
