// Package browsertest contains tests of the pages in a real Chromium, on real processes of Millrace. They also take the
// pictures in docs/images; see `make screenshots`.
package browsertest
