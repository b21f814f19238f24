-- +goose NO TRANSACTION
-- +goose Up
-- A submission may say how long it is kept. Each statement is a transaction of its own, as in 00014. Binaries of the version before do not
-- know of it: while one runs, no submission is accepted that says so.
ALTER TABLE multiplications ADD COLUMN IF NOT EXISTS retention interval;
ALTER TABLE matrices ADD COLUMN IF NOT EXISTS retention interval;

COMMENT ON COLUMN multiplications.retention IS 'How long it is kept after its last use; NULL: as long as the settings say.';
COMMENT ON COLUMN matrices.retention        IS 'How long it is kept after its last use; NULL: as long as the settings say.';

-- +goose Down
ALTER TABLE matrices DROP COLUMN IF EXISTS retention;
ALTER TABLE multiplications DROP COLUMN IF EXISTS retention;
