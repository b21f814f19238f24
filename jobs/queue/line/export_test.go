package line

// Moved returns how many multiplications of a line are to be moved.
func Moved(l *Line) int { return len(l.moves(l.tenants())) }
