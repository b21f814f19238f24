// Package browsertest has nothing but tests: of what people do in a browser, in a real Chromium, on real processes. They also
// take the pictures in docs/images; see `make screenshots`.
package browsertest
