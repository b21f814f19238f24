package identity

import (
	"crypto/sha256"
	"regexp"
	"strings"
	"testing"
)

// TestToken: a token is known by its form alone, and a slip of one character makes it none.
func TestToken(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^m[rs]_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}$`)
	for _, prefix := range []string{KeyPrefix, SessionPrefix} {
		text, made := NewToken(prefix)
		if !form.MatchString(text) {
			t.Errorf("NewToken(%q) = %q, want the form %s", prefix, text, form)
		}
		read, ok := ParseToken(text, prefix)
		if !ok || read != made || read.ID != text[3:13] || read.Hash != sha256.Sum256([]byte(text)) {
			t.Errorf("ParseToken(%q) = %+v, %t, want %+v", text, read, ok, made)
		}
		for i := range text {
			for _, c := range []string{"0", "z", "_", "é"} {
				if wrong := text[:i] + c + text[i+1:]; wrong != text {
					if _, ok := ParseToken(wrong, prefix); ok {
						t.Errorf("ParseToken(%q) = true, want false: it was %q", wrong, text)
					}
				}
			}
		}
		for _, wrong := range []string{"", prefix, text[:len(text)-1], text + "0", " " + text, strings.ToUpper(text)} {
			if _, ok := ParseToken(wrong, prefix); ok {
				t.Errorf("ParseToken(%q) = true, want false", wrong)
			}
		}
	}
	key, _ := NewToken(KeyPrefix)
	if _, ok := ParseToken(key, SessionPrefix); ok {
		t.Error("a key passes for a session")
	}
}

// TestTokenOfKnownForm: tokens that were given out stay valid.
func TestTokenOfKnownForm(t *testing.T) {
	t.Parallel()
	const text = "mr_0123456789_" + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
	sum := checksum(text)
	if got, want := string(sum[:]), "0WRVRh"; got != want {
		t.Errorf("checksum(%q) = %q, want %q", text, got, want)
	}
}

func FuzzParseToken(f *testing.F) {
	key, _ := NewToken(KeyPrefix)
	f.Add(key)
	f.Fuzz(func(t *testing.T, text string) {
		if token, ok := ParseToken(text, KeyPrefix); ok && !strings.HasPrefix(text, KeyPrefix+token.ID+"_") {
			t.Errorf("ParseToken(%q) = %q, want the id of the text", text, token.ID)
		}
	})
}

// TestRandomText: no digit is much more likely than another.
func TestRandomText(t *testing.T) {
	t.Parallel()
	const n = 62 * 1000
	counts := map[rune]int{}
	for _, c := range randomText(n) {
		counts[c]++
	}
	for _, c := range digits {
		if counts[c] < 800 || counts[c] > 1200 { // 6 standard deviations
			t.Errorf("%c is there %d times in %d, want about 1000", c, counts[c], n)
		}
	}
}

func BenchmarkParseToken(b *testing.B) {
	key, _ := NewToken(KeyPrefix)
	b.ReportAllocs()
	for b.Loop() {
		ParseToken(key, KeyPrefix)
	}
}
