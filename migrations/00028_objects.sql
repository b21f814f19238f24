-- +goose NO TRANSACTION
-- +goose Up
-- Operands may be objects in buckets of users, and results may be written to such. Each statement is a transaction of its own, as in
-- 00014. Binaries of the version before know of neither: while one runs, no submission is accepted that has one.
ALTER TABLE matrices ADD COLUMN IF NOT EXISTS object jsonb;
ALTER TABLE multiplications ADD COLUMN IF NOT EXISTS output jsonb;

COMMENT ON COLUMN matrices.object        IS 'The object that has the elements, with its ETag, and how they are in it; NULL: they are elsewhere.';
COMMENT ON COLUMN multiplications.output IS 'The object that the result is written to, by a job of its own, which counts as a tile; NULL: none.';

ALTER TABLE matrices DROP CONSTRAINT IF EXISTS matrices_source_check, ADD CONSTRAINT matrices_source_check
    CHECK (source IN ('upload', 'inline', 'random', 'product', 's3')) NOT VALID;
ALTER TABLE matrices VALIDATE CONSTRAINT matrices_source_check;

-- No foreign keys: what was begun is aborted after the multiplication, too.
CREATE TABLE IF NOT EXISTS object_uploads (
    multiplication_id uuid        NOT NULL,
    upload            text        NOT NULL,
    tenant_id         integer     NOT NULL,
    bucket            text        NOT NULL,
    key               text        NOT NULL,
    begun_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (multiplication_id, upload)
);

COMMENT ON TABLE object_uploads IS 'Uploads of results that are under way, or whose process has died.';

-- +goose Down
-- What is not computed yet cannot be without them.
DELETE FROM river_job j USING multiplications p
WHERE p.output IS NOT NULL AND p.state <> 'completed' AND j.kind = 'multiply_tile'
  AND j.id BETWEEN p.first_job AND p.last_job AND j.args->>'multiplication_id' = p.id::text;
DELETE FROM multiplications p USING matrices m WHERE (p.a = m.id OR p.b = m.id) AND m.object IS NOT NULL;
DELETE FROM multiplications WHERE output IS NOT NULL AND state <> 'completed';
DELETE FROM matrices WHERE object IS NOT NULL;
DROP TABLE IF EXISTS object_uploads;
ALTER TABLE matrices DROP CONSTRAINT IF EXISTS matrices_source_check, ADD CONSTRAINT matrices_source_check
    CHECK (source IN ('upload', 'inline', 'random', 'product')) NOT VALID;
ALTER TABLE matrices VALIDATE CONSTRAINT matrices_source_check;
ALTER TABLE multiplications DROP COLUMN IF EXISTS output;
ALTER TABLE matrices DROP COLUMN IF EXISTS object;
