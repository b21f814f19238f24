-- +goose Up
-- Binaries of the version before this one write blocks without checksums and read those that have some.
ALTER TABLE blocks ADD COLUMN checksums bytea;

COMMENT ON COLUMN blocks.checksums IS
    'CRC-32C of each 64 KiB of the data, little-endian. A block that was written before there were checksums has none.';

ALTER TABLE matrices ADD COLUMN damaged_at timestamptz;

COMMENT ON COLUMN matrices.damaged_at IS
    'When a read found a block of this matrix damaged. Its content is not shared with uploads of the same content any more.';

CREATE TABLE installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id       uuid    NOT NULL,
    marked   boolean NOT NULL DEFAULT false
);

COMMENT ON TABLE  installation        IS 'One row: the identity that the database shares with the directory of its blocks.';
COMMENT ON COLUMN installation.marked IS 'A directory bears this identity.';

-- +goose Down
DROP TABLE installation;
ALTER TABLE matrices DROP COLUMN damaged_at;
ALTER TABLE blocks DROP COLUMN checksums;
