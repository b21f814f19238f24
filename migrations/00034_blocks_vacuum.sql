-- +goose Up
-- Blocks are written once, read by their key and deleted as a whole. That many were inserted is no reason to vacuum them: it reads all
-- of them, marks each page, and so makes the system write it a second time. Vacuum comes when enough were deleted.
ALTER TABLE blocks SET (toast.autovacuum_vacuum_insert_threshold = -1);

-- +goose Down
ALTER TABLE blocks RESET (toast.autovacuum_vacuum_insert_threshold);
