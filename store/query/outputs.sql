-- name: SaveOutput :exec
-- No transition: the result is written, and this is what it is now.
UPDATE multiplications SET output = @output WHERE id = @id;

-- name: InsertObjectUpload :exec
INSERT INTO object_uploads (multiplication_id, upload, tenant_id, bucket, key)
SELECT p.id, @upload::text, p.tenant_id, @bucket::text, @key::text FROM multiplications p WHERE p.id = @id
ON CONFLICT DO NOTHING;

-- name: DeleteObjectUpload :exec
DELETE FROM object_uploads WHERE multiplication_id = @id AND upload = @upload;

-- name: ListObjectUploads :many
-- The uploads of a multiplication.
SELECT * FROM object_uploads WHERE multiplication_id = @id;

-- name: ListEndedObjectUploads :many
-- Uploads that none will go on with: those of multiplications that have ended.
SELECT u.* FROM object_uploads u
WHERE NOT EXISTS (SELECT 1 FROM multiplications p WHERE p.id = u.multiplication_id AND p.state IN ('pending', 'in_progress'))
LIMIT @max_rows;
