package migrations

// Files are the migrations of this version.
var Files = files

// UpFrom is Up with the migrations in some files.
var UpFrom = up
