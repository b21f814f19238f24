package handlers

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"

	"github.com/dunglas/httpsfv"
)

// DigestParams are the headers of RFC 9530 by which a client makes sure that its body arrives as it was sent.
type DigestParams struct {
	ContentDigest string `header:"Content-Digest"`
	ReprDigest    string `header:"Repr-Digest"`
}

// sha256Name is the algorithm that every answer uses.
const sha256Name = "sha-256"

// algorithms are those of the registry of RFC 9530 that are not deprecated.
var algorithms = map[string]func() hash.Hash{sha256Name: sha256.New, "sha-512": sha512.New}

// digest is what a body should hash to, as a header says.
type digest struct {
	header, algorithm string
	sum               []byte
}

// digests returns those of the request's body.
func (b *StreamedBody) digests() ([]digest, error) {
	var all []digest
	for _, header := range []string{"Content-Digest", "Repr-Digest"} {
		if header == "Repr-Digest" && b.header.Get("Content-Encoding") != "" {
			continue // of what the body would be without it
		}
		dictionary, err := httpsfv.UnmarshalDictionary(b.header.Values(header))
		if err != nil {
			return nil, malformedDigest(header)
		}
		for algorithm, newHash := range algorithms {
			member, ok := dictionary.Get(algorithm)
			if !ok {
				continue
			}
			item, _ := member.(httpsfv.Item)
			sum, _ := item.Value.([]byte)
			if len(sum) != newHash().Size() {
				return nil, malformedDigest(header)
			}
			all = append(all, digest{header, algorithm, sum})
		}
	}
	return all, nil
}

func malformedDigest(header string) error {
	return fmt.Errorf("%w: %s is malformed, send sha-256=:BASE64: in it", errBadRequest, header)
}
