package assign

import "time"

type pair struct{ m, k, n int }

func read(int) int { return 0 }

func bad(s *pair) {
	start, m := time.Now(), s.m
	found, name := map[int]bool{}, ""
	s.m, s.k, s.n = 1, m, 0
	var x, y = read(1), len(name)
	f, g := func() {}, x
	_, _, _, _, _ = start, found, y, f, g
}

func good(s *pair) {
	m, k, n := s.m, s.k, s.n
	a, b := read(1), read(2)
	a, b = b, a+read(b)
	lo, hi := 0, len("abc")
	const p, q, r = 1, 2, 3
	x, y := float64(m), float64(k)*2
	if got, want := read(1), 2; got != want {
		n++
	}
	for i, start := 0, time.Now(); i < 3; i++ {
		_ = start
	}
	value, err := both()
	_, _, _, _, _, _, _ = lo, hi, x, y, value, err, n
}

func both() (int, error) { return 0, nil }
