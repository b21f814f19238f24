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

-- name: ListKernels :many
-- What the processes with a current lease compute with: each kind, and how many have it.
SELECT coalesce(told.kernel->>'name', '')::text AS name, coalesce(told.kernel->>'version', '')::text AS version,
       coalesce(told.kernel->>'core', '')::text AS core, min((told.kernel->>'gflops')::float8)::float8 AS slowest,
       max((told.kernel->>'gflops')::float8)::float8 AS fastest, count(*)::bigint AS workers
FROM (SELECT s.value::jsonb AS kernel FROM process_settings s JOIN workers w ON w.id = s.process
      WHERE s.name = @name AND coalesce(w.expires_at, w.renewed_at + @lease::interval) > now()) AS told
GROUP BY 1, 2, 3
ORDER BY workers DESC, name, version, core
LIMIT @kinds::int;
