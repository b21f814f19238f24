// Package cursor has the form of the places from which lists go on.
package cursor

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/store"
)

// size is the length of a cursor: when the last one of a page was created, in microseconds as in Postgres, and its id.
const size = 8 + len(uuid.UUID{})

// maxMicros is the end of the year 9999: Postgres has no times far beyond.
const maxMicros = 253_402_300_799_999_999

// Format returns the cursor of a position.
func Format(p store.Position) string {
	raw := binary.BigEndian.AppendUint64(make([]byte, 0, size), uint64(p.CreatedAt.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(raw, p.ID[:]...))
}

// Parse returns the position of a cursor; nil for "", which is that before the first page.
func Parse(text string) (*store.Position, error) {
	if text == "" {
		return nil, nil
	}
	unknown := fmt.Errorf("%w: cursor %.60q is not the next_cursor of any page", payload.ErrInvalid, text)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != size || strings.ContainsAny(text, "\r\n") { // which the decoder ignores
		return nil, unknown
	}
	micros := int64(binary.BigEndian.Uint64(raw)) //nolint:gosec // the same bits
	if micros < 0 || micros > maxMicros {
		return nil, unknown
	}
	return &store.Position{CreatedAt: time.UnixMicro(micros), ID: uuid.UUID(raw[8:])}, nil
}

// Link returns the Link header of RFC 8288 for the next page of the list at a path, which was asked for by a url.
func Link(path string, asked url.URL, next string) string {
	query := asked.Query()
	query.Set("cursor", next)
	return fmt.Sprintf(`<%s?%s>; rel="next"`, path, query.Encode())
}
