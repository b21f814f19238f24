package remote_test

import (
	"testing"

	"github.com/millrace/millrace/cli/remote"
)

// TestObjectOperand: an object is named with or without a version; each key has a name.
func TestObjectOperand(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string][3]string{
		"s3://b/inputs/a.npy":             {"b", "inputs/a.npy", ""},
		"s3://b/inputs/a.npy?version=3sL": {"b", "inputs/a.npy", "3sL"},
		"s3://b/a?x=1":                    {"b", "a?x=1", ""},
		"s3://b/a?version=":               {"b", "a", ""},
		"s3://b/a?version=1?version=":     {"b", "a?version=1", ""},
		"s3://b/a?version=1?version=2":    {"b", "a?version=1", "2"},
	} {
		o, err := remote.ParseOperand(t.Context(), nil, arg)
		if err != nil {
			t.Errorf("%s: %v", arg, err)
			continue
		}
		got := [3]string{o.S3.Bucket, o.S3.Key}
		if o.S3.Version != nil {
			got[2] = *o.S3.Version
			if got[2] == "" {
				t.Errorf("%s: the id of the version is empty, want none", arg)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", arg, got, want)
		}
	}
	for _, arg := range []string{"s3://", "s3://b", "s3:///a", "s3://b?version=1", "s3://b/?version=1"} {
		if _, err := remote.ParseOperand(t.Context(), nil, arg); err == nil {
			t.Errorf("%s is no error", arg)
		}
	}
}
