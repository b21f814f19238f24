package blocks

// Free returns how many bytes a block store has room for, and whether it knows.
func Free(s Store) (bytes int64, known bool, err error) {
	if o, ok := s.(*observed); ok {
		s = o.Store
	}
	if f, ok := s.(*File); ok {
		return freeIn(f.dir)
	}
	return 0, false, nil
}
