-- The products, and the
-- answers.
SELECT id FROM matrices WHERE source = 'product'; -- a dot
-- product of rows
