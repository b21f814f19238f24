-- name: SaveSetting :exec
INSERT INTO process_settings (process, name, value) VALUES (@process, @name, @value)
ON CONFLICT (process, name) DO UPDATE SET value = excluded.value;

-- name: ListOtherSettings :many
-- What other processes with a current lease have set differently: for each setting and value, one of them, how many there are, and
-- whether each of them has said that it may differ.
SELECT theirs.name, theirs.value, min(theirs.process)::text AS process, count(*)::bigint AS processes,
       bool_and(EXISTS (SELECT FROM process_settings allowed
                        WHERE allowed.process = theirs.process AND allowed.name = @allowed::text || theirs.name))::boolean AS allowed
FROM (SELECT unnest(@names::text[]) AS name, unnest(@values::text[]) AS value) AS mine
JOIN process_settings theirs ON theirs.name = mine.name AND theirs.value <> mine.value
JOIN workers w ON w.id = theirs.process
WHERE theirs.process <> @process AND coalesce(w.expires_at, w.renewed_at + @lease::interval) > now()
GROUP BY theirs.name, theirs.value
ORDER BY theirs.name, theirs.value;
