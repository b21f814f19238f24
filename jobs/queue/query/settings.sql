-- name: SaveSetting :exec
INSERT INTO process_settings (process, name, value) VALUES (@process, @name, @value)
ON CONFLICT (process, name) DO UPDATE SET value = excluded.value;

-- name: ListOtherSettings :many
-- What other processes with a current lease have set differently: for each setting and value, one of them and how many there are.
SELECT theirs.name, theirs.value, min(theirs.process)::text AS process, count(*)::bigint AS processes
FROM process_settings mine
JOIN process_settings theirs ON theirs.name = mine.name AND theirs.value <> mine.value
JOIN workers w ON w.id = theirs.process
WHERE mine.process = @process AND w.renewed_at > now() - @lease::interval
GROUP BY theirs.name, theirs.value
ORDER BY theirs.name, theirs.value;
