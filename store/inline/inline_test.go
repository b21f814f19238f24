package inline_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store/inline"
)

// someID returns the id of an inline multiplication of a time, or of one close to it.
func someID(random *rand.Rand, t time.Time) uuid.UUID {
	id := inline.FirstID(t.Add(time.Duration(random.IntN(5)-2) * time.Millisecond))
	if random.IntN(4) > 0 {
		binary.BigEndian.PutUint64(id[8:], random.Uint64())
		id[7] = byte(random.Uint32())
	}
	id[15] &^= 3
	return id
}

// someTime returns a time within few milliseconds, most often not at the beginning of one, or one that no id has.
func someTime(random *rand.Rand) time.Time {
	switch random.IntN(20) {
	case 0:
		return time.Time{}
	case 1:
		return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	case 2:
		return time.UnixMilli(random.Int64N(3) - 1)
	}
	t := time.Date(2026, 11, 26, 20, 0, 0, 0, time.UTC).Add(time.Duration(random.IntN(4)) * time.Millisecond)
	if random.IntN(2) == 0 {
		t = t.Add(time.Duration(random.IntN(1000)) * time.Microsecond)
	}
	return t
}

// TestBounds compares the bounds of ids with what they say: which multiplications come before another one in the order
// of times and ids, and which were submitted at a time or later.
func TestBounds(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		at := someTime(random)
		id := someID(random, at)
		other := [...]uuid.UUID{someID(random, at), uuid.Nil, uuid.Max}[random.IntN(3)]
		created := inline.Time(id)
		before := created.Before(at) || created.Equal(at) && inline.Less(id, other)
		if got := inline.Less(id, inline.Bound(at, other)); got != before {
			t.Fatalf("%s is before Bound(%s, %s): %t, want %t", id, at, other, got, before)
		}
		if got, want := !inline.Less(id, inline.SinceID(at)), !created.Before(at); got != want {
			t.Fatalf("%s is not before SinceID(%s): %t, want %t", id, at, got, want)
		}
	}
}

// FuzzOwner: the ids of the three matrices of a multiplication are all the ids that have it as their owner.
func FuzzOwner(f *testing.F) {
	f.Add(make([]byte, 16))
	f.Fuzz(func(t *testing.T, content []byte) {
		id, err := uuid.FromBytes(content)
		if err != nil {
			return
		}
		owner, part, ok := inline.Owner(id)
		if ok == inline.Maybe(id) {
			t.Fatalf("%s is a matrix: %t, and may be a multiplication: %[2]t, want one of both", id, ok)
		}
		if ok && (part.ID(owner) != id || !inline.Maybe(owner) || part > inline.PartC) {
			t.Fatalf("Owner(%s) = %s, %d, want the multiplication of which it is this part", id, owner, part)
		}
	})
}

// TestNewIDs: what is not inline has no id that could be of an inline one.
func TestNewIDs(t *testing.T) {
	t.Parallel()
	for range 1000 {
		id := inline.NewID()
		other := inline.NewOtherID()
		if !inline.Maybe(id) || inline.Maybe(other) || id.Version() != 7 || other.Version() != 7 {
			t.Fatalf("got %s and %s, want versions 7, and only the first as of an inline multiplication", id, other)
		}
	}
}
