// Package s3 is a client of a bucket in an S3-compatible store: what a block store needs of one. It knows keys and
// bytes, not blocks.
package s3

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// Address says where a bucket is. It has no secrets: those come from the environment, files, or the platform.
type Address struct {
	Bucket    string
	Prefix    string // of all keys; empty, or with a slash at its end
	Endpoint  string // host and port
	Plain     bool   // HTTP without TLS
	Region    string // empty if the store is to be asked
	PathStyle string // auto, true or false
	SSE       string // server-side encryption: empty, s3, kms, or kms: and the id of a key
}

// defaultEndpoint is that of Amazon S3.
const defaultEndpoint = "s3.amazonaws.com"

// auto leaves it to the client whether the bucket is in the path of a request or in the name of its host.
const auto = "auto"

// usage is how an address is written.
const usage = "use s3://bucket/prefix?endpoint=https://host:port&region=…&path-style=true|false&sse=s3|kms|kms:KEY, " +
	"all after the bucket as needed"

// IsAddress reports whether text looks like the address of a bucket.
func IsAddress(text string) bool { return strings.HasPrefix(text, "s3:") }

// Redact returns an address without what may be a secret in it, for logs.
func Redact(text string) string {
	a, err := ParseAddress(text)
	switch {
	case !IsAddress(text):
		return text
	case err != nil:
		return "s3://…"
	}
	return a.String()
}

// String returns the address without its settings.
func (a Address) String() string {
	return fmt.Sprintf("s3://%s/%s (%s)", a.Bucket, a.Prefix, a.Endpoint)
}

// ParseAddress reads s3://bucket/prefix?endpoint=…&region=…&path-style=…&sse=…. Its errors do not repeat the address:
// where it is wrong there may be a secret in it.
func ParseAddress(text string) (Address, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "s3", u.Host == "", u.Port() != "":
		return Address{}, errors.New("the address of the bucket is malformed: " + usage)
	case u.User != nil:
		return Address{}, errors.New("no credentials in the address of the bucket: they come from the environment " +
			"(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), ~/.aws, or the platform; " + usage)
	case u.Fragment != "":
		return Address{}, errors.New("the address of the bucket has a fragment: " + usage)
	}
	a := Address{
		Bucket:    u.Host,
		Endpoint:  defaultEndpoint,
		PathStyle: auto,
	}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		a.Prefix = prefix + "/"
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Address{}, errors.New("the settings in the address of the bucket are malformed: " + usage)
	}
	for name, values := range query {
		if err := a.set(name, values); err != nil {
			return Address{}, err
		}
	}
	a.setRegion()
	return a, nil
}

// set takes a setting of the query.
func (a *Address) set(name string, values []string) (err error) {
	if len(values) != 1 || values[0] == "" {
		return fmt.Errorf("setting %q of the bucket must have one value: %s", name, usage)
	}
	value := values[0]
	switch name {
	case "endpoint":
		return a.setEndpoint(value)
	case "region":
		a.Region = value
	case "path-style":
		if _, err := strconv.ParseBool(value); err != nil && value != auto {
			return errors.New("path-style must be true, false or auto")
		}
		a.PathStyle = value
	case "sse":
		if key, isKMS := strings.CutPrefix(value, "kms:"); value != "s3" && value != "kms" && (!isKMS || key == "") {
			return errors.New("sse must be s3, kms, or kms: and the id of a key")
		}
		a.SSE = value
	default:
		return fmt.Errorf("unknown setting %q of the bucket: %s", name, usage)
	}
	return nil
}

// setEndpoint takes host:port, which is reached by TLS, or an address with http or https.
func (a *Address) setEndpoint(value string) error {
	if !strings.Contains(value, "://") {
		value = "https://" + value
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" ||
		strings.Trim(u.Path, "/") != "" {
		return errors.New("endpoint must be host:port, http://host:port or https://host:port")
	}
	a.Endpoint = u.Host
	a.Plain = u.Scheme == "http"
	return nil
}

// isAmazon reports whether the endpoint is one of Amazon's.
func (a *Address) isAmazon() bool {
	host, _, _ := strings.Cut(a.Endpoint, ":")
	return strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".amazonaws.com.cn")
}

// setRegion takes the region from the environment if the address has none. Amazon's is found out otherwise; others do
// not mind.
func (a *Address) setRegion() {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if a.Region == "" {
			a.Region = os.Getenv(name)
		}
	}
	if a.Region == "" && !a.isAmazon() {
		a.Region = "us-east-1"
	}
}

// pathStyle reports whether the bucket is in the path of a request. Other stores than Amazon's rarely have names for
// it.
func (a *Address) pathStyle() bool {
	if a.PathStyle == auto {
		return !a.isAmazon()
	}
	style, _ := strconv.ParseBool(a.PathStyle)
	return style
}
