package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"strings"
	"unsafe"
)

// The tokens of keys and sessions are mr_ID_SECRETCHECKSUM and ms_ID_SECRETCHECKSUM. ID finds the row and may stand in
// logs. SECRET is 256 random bits. CHECKSUM is the CRC-32 of what is before it: with it, a program that looks for
// leaked secrets is never wrong, and what is no token costs no query. All of it is one word for a double click.
const (
	// KeyPrefix begins the tokens of keys.
	KeyPrefix = "mr_"
	// SessionPrefix begins those of sessions, which are for browsers.
	SessionPrefix = "ms_"

	idLength       = 10
	secretLength   = 43 // 62⁴³ > 2²⁵⁶
	checksumLength = 6  // 62⁶ > 2³²
	tokenLength    = len(KeyPrefix) + idLength + 1 + secretLength + checksumLength
)

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Token is what a token says by itself.
type Token struct {
	ID   string   // of the row
	Hash [32]byte // SHA-256 of the whole token. A slow hash would protect guessable secrets, which these are not
}

// NewToken returns a new token with a prefix, and what it says. The text is not kept anywhere.
func NewToken(prefix string) (string, Token) {
	text := prefix + randomText(idLength) + "_" + randomText(secretLength)
	sum := checksum(text)
	text += string(sum[:])
	token, _ := ParseToken(text, prefix)
	return text, token
}

// ParseToken returns what a token with a prefix says, and false if the text is none.
func ParseToken(text, prefix string) (Token, bool) {
	const secret = len(KeyPrefix) + idLength + 1
	if len(text) != tokenLength || !strings.HasPrefix(text, prefix) || text[secret-1] != '_' {
		return Token{}, false
	}
	end := tokenLength - checksumLength
	if sum := checksum(text[:end]); string(sum[:]) != text[end:] || !inDigits(text[secret:end]) {
		return Token{}, false
	}
	id := text[len(prefix) : secret-1]
	return Token{ID: id, Hash: sha256.Sum256(bytesOf(text))}, inDigits(id)
}

// bytesOf returns the bytes of a text, which must not be changed, without a copy: each request has a token.
func bytesOf(text string) []byte { return unsafe.Slice(unsafe.StringData(text), len(text)) }

func inDigits(text string) bool {
	for i := range len(text) {
		c := text[i]
		if c < '0' || c > 'z' || c > '9' && c < 'A' || c > 'Z' && c < 'a' {
			return false
		}
	}
	return true
}

// checksum returns the CRC-32 of a text as digits.
func checksum(text string) (sum [checksumLength]byte) {
	n := crc32.ChecksumIEEE(bytesOf(text))
	for i := len(sum) - 1; i >= 0; i-- {
		sum[i] = digits[n%uint32(len(digits))]
		n /= uint32(len(digits))
	}
	return sum
}

// randomText returns so many random digits, each as likely as any other.
func randomText(length int) string {
	const fair = 256 - 256%len(digits)
	text := make([]byte, 0, length)
	var random [64]byte
	for len(text) < length {
		_, _ = rand.Read(random[:]) // it does not fail
		for _, b := range random {
			if int(b) < fair && len(text) < length {
				text = append(text, digits[int(b)%len(digits)])
			}
		}
	}
	return string(text)
}
