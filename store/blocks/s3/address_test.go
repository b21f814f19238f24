package s3

import (
	"strings"
	"testing"
)

// TestAddress: what the parts of an address mean, and that none has a secret.
func TestAddress(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	for text, want := range map[string]Address{
		"s3://b": {Bucket: "b", Endpoint: defaultEndpoint, PathStyle: auto},
		"s3://b/p/q/?region=eu-west-1&path-style=true&sse=kms:arn:aws:kms:x": {
			Bucket:    "b",
			Prefix:    "p/q/",
			Endpoint:  defaultEndpoint,
			Region:    "eu-west-1",
			PathStyle: "true",
			SSE:       "kms:arn:aws:kms:x",
		},
		"s3://b?endpoint=http://127.0.0.1:9000": {
			Bucket:    "b",
			Endpoint:  "127.0.0.1:9000",
			Plain:     true,
			Region:    "us-east-1",
			PathStyle: auto,
		},
		"s3://b?endpoint=store.example": {Bucket: "b", Endpoint: "store.example", Region: "us-east-1", PathStyle: auto},
	} {
		if got, err := ParseAddress(text); err != nil || got != want {
			t.Errorf("ParseAddress(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
	const secret = "hidden"
	for _, text := range []string{
		"s3://", "s3:b", "s3:///p", "s3://b:80/", "s3://b#f", "s3://key:" + secret + "@b/p", "s3://b?secret_key=" + secret,
		"s3://b?region=", "s3://b?sse=no", "s3://b?sse=kms:", "s3://b?path-style=perhaps", "s3://b?region=a&region=b",
		"s3://b?endpoint=ftp://x", "s3://b?endpoint=http://key:" + secret + "@x", "s3://b?endpoint=http://x/y", "s3://b?%",
		"s3://b%" + secret,
	} {
		_, err := ParseAddress(text)
		if err == nil {
			t.Errorf("ParseAddress(%q) succeeds", text)
		} else if strings.Contains(err.Error(), secret) || strings.Contains(Redact(text), secret) {
			t.Errorf("the error %q, or %q, tells the secret", err, Redact(text))
		}
	}
	for text, want := range map[string]string{
		"postgres":                              "postgres",
		"file:///d":                             "file:///d",
		"s3://b/p?endpoint=h:1&region=r&sse=s3": "s3://b/p/ (h:1)",
	} {
		if got := Redact(text); got != want {
			t.Errorf("Redact(%q) = %q, want %q", text, got, want)
		}
	}
}
