-- +goose Up
CREATE TABLE matrices (
    id         uuid        PRIMARY KEY,
    rows       bigint      NOT NULL CHECK (rows >= 0),
    cols       bigint      NOT NULL CHECK (cols >= 0),
    dtype      text        NOT NULL CHECK (dtype IN ('float64', 'float32')),
    source     text        NOT NULL CHECK (source IN ('upload', 'inline', 'random', 'product')),
    state      text        NOT NULL CHECK (state IN ('uploading', 'ready')),
    block_rows bigint      NOT NULL DEFAULT 0,
    block_cols bigint      NOT NULL DEFAULT 0,
    seed       bigint,
    content    bytea,
    digest     bytea       CHECK (length(digest) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT random_has_seed CHECK ((source = 'random') = (seed IS NOT NULL))
);

-- Small contents are read whole and are mostly incompressible: TOAST should move them, not squeeze them.
ALTER TABLE matrices ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX matrices_expires_at ON matrices (expires_at);

COMMENT ON TABLE  matrices            IS 'Operands and products. A row of state ready never changes its content.';
COMMENT ON COLUMN matrices.source     IS 'Where the content came from; random matrices have no content, each block is generated from the seed.';
COMMENT ON COLUMN matrices.block_rows IS 'Rows of one block in the block store; 0 when the content is in this row or generated.';
COMMENT ON COLUMN matrices.seed       IS 'Seed of the generator, an unsigned 64-bit number kept as the signed one with the same bits.';
COMMENT ON COLUMN matrices.content    IS 'Little-endian row-major elements, when they are 64 KiB or less.';
COMMENT ON COLUMN matrices.digest     IS 'SHA-256 of the content as a row-major, little-endian .npy file.';

CREATE TABLE blocks (
    matrix_id uuid   NOT NULL,
    index     bigint NOT NULL,
    data      bytea  NOT NULL,
    PRIMARY KEY (matrix_id, index)
);
ALTER TABLE blocks ALTER COLUMN data SET STORAGE EXTERNAL;

COMMENT ON TABLE blocks IS
    'The postgres block store: contents larger than 64 KiB, in blocks of 2 MiB or less. No foreign key: blocks are written before '
    'their matrix is ready and removed after it is gone.';

CREATE TABLE multiplications (
    id              uuid        PRIMARY KEY,
    a               uuid        NOT NULL REFERENCES matrices,
    b               uuid        NOT NULL REFERENCES matrices,
    c               uuid        NOT NULL REFERENCES matrices,
    priority        smallint    NOT NULL CHECK (priority BETWEEN 1 AND 4),
    state           text        NOT NULL CHECK (state IN ('pending', 'in_progress', 'completed', 'failed', 'cancelled')),
    m               bigint      NOT NULL,
    k               bigint      NOT NULL,
    n               bigint      NOT NULL,
    dtype           text        NOT NULL,
    tile_rows       bigint      NOT NULL,
    tile_cols       bigint      NOT NULL,
    tiles_total     bigint      NOT NULL,
    tiles_completed bigint      NOT NULL DEFAULT 0,
    first_job       bigint      NOT NULL DEFAULT 0,
    last_job        bigint      NOT NULL DEFAULT -1,
    failure         text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    started_at      timestamptz,
    finished_at     timestamptz,
    expires_at      timestamptz NOT NULL,
    CONSTRAINT finished_when_final CHECK ((finished_at IS NULL) = (state IN ('pending', 'in_progress'))),
    CONSTRAINT completed_when_whole CHECK (state <> 'completed' OR tiles_completed = tiles_total),
    CONSTRAINT not_too_many_tiles CHECK (tiles_completed <= tiles_total)
);

CREATE INDEX multiplications_newest ON multiplications (created_at DESC, id DESC);
CREATE INDEX multiplications_active ON multiplications (id) WHERE state IN ('pending', 'in_progress');
CREATE INDEX multiplications_expires_at ON multiplications (expires_at);
CREATE INDEX multiplications_a ON multiplications (a);
CREATE INDEX multiplications_b ON multiplications (b);
CREATE INDEX multiplications_c ON multiplications (c);

COMMENT ON TABLE  multiplications           IS 'Products and their outcome. Attempts, errors and schedule of the tiles are in river_job.';
COMMENT ON COLUMN multiplications.tile_rows IS 'Rows of one tile of the product; the last tile row may be smaller.';
COMMENT ON COLUMN multiplications.first_job IS 'Smallest id of its jobs in river_job: with last_job the range of the primary key in which they are.';
COMMENT ON COLUMN multiplications.failure   IS 'Why it failed, for people.';

CREATE TABLE workers (
    id         text        PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now(),
    renewed_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE workers IS
    'A lease for every process that works jobs. The running jobs of a worker that has stopped renewing go back to the queue.';

-- +goose Down
DROP TABLE workers;
DROP TABLE multiplications;
DROP TABLE blocks;
DROP TABLE matrices;
