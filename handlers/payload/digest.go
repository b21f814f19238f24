package payload

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"net/http"

	"github.com/dunglas/httpsfv"
)

// SHA256 is the name of SHA-256 in the digest headers of RFC 9530.
const SHA256 = "sha-256"

// algorithms are those of the registry of RFC 9530 that are not deprecated.
var algorithms = []struct {
	name string
	new  func() hash.Hash
}{
	{SHA256, sha256.New},
	{"sha-512", sha512.New},
}

// digest is what a body must hash to, as a header says.
type digest struct {
	header    string
	algorithm string
	sum       []byte
}

// parseDigests returns the digests of a body that the headers give. Algorithms other than ours are ignored.
func parseDigests(headers http.Header) ([]digest, error) {
	var all []digest
	for _, header := range []string{"Content-Digest", "Repr-Digest"} {
		values := headers.Values(header)
		if len(values) == 0 {
			continue
		}
		if header == "Repr-Digest" && headers.Get("Content-Encoding") != "" {
			continue // it is the digest of the body without that encoding
		}
		dictionary, err := httpsfv.UnmarshalDictionary(values)
		if err != nil {
			return nil, malformedDigest(header)
		}
		for _, algorithm := range algorithms {
			member, ok := dictionary.Get(algorithm.name)
			if !ok {
				continue
			}
			item, _ := member.(httpsfv.Item)
			sum, _ := item.Value.([]byte)
			if len(sum) != algorithm.new().Size() {
				return nil, malformedDigest(header)
			}
			all = append(all, digest{
				header:    header,
				algorithm: algorithm.name,
				sum:       sum,
			})
		}
	}
	return all, nil
}

func malformedDigest(header string) error {
	return fmt.Errorf("%w: %s is malformed, send sha-256=:BASE64: in it", ErrBadRequest, header)
}

// newHashes returns the hashes that are compared with digests, by algorithm.
func newHashes(digests []digest) map[string]hash.Hash {
	hashes := map[string]hash.Hash{}
	for _, algorithm := range algorithms {
		for _, d := range digests {
			if d.algorithm == algorithm.name && hashes[d.algorithm] == nil {
				hashes[d.algorithm] = algorithm.new()
			}
		}
	}
	return hashes
}
