-- name: Depth :one
SELECT count(*) FROM river_job;
