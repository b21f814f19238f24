-- name: ListPaused :many
-- The queues that are paused: their workers fetch no jobs.
SELECT name FROM river_queue WHERE paused_at IS NOT NULL;
