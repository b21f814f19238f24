package store

import "github.com/millrace/millrace/store/database"

// Unavailable reports whether err means that the database cannot be reached, does not respond in time, takes no writes,
// or is shutting down or starting up. The condition passes; what was committed is safe.
func Unavailable(err error) bool { return database.Unavailable(err) }
