package webhook

import (
	"errors"
	"net/netip"
	"testing"
)

// TestAddresses: only public addresses are called, in whatever form an address is written, and those that are allowed.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"8.8.8.8":                true,
		"2606:4700:4700::1111":   true,
		"::ffff:8.8.8.8":         true,
		"192.0.1.1":              true,
		"172.32.0.1":             true,
		"0.0.0.0":                false,
		"0.1.2.3":                false,
		"10.1.2.3":               false,
		"100.64.0.1":             false,
		"127.0.0.1":              false,
		"127.255.255.254":        false,
		"169.254.169.254":        false,
		"172.16.0.1":             false,
		"192.0.0.8":              false,
		"192.168.1.1":            false,
		"198.18.0.1":             false,
		"203.0.113.7":            false,
		"224.0.0.1":              false,
		"240.0.0.1":              false,
		"255.255.255.255":        false,
		"::":                     false,
		"::1":                    false,
		"::127.0.0.1":            false,
		"::ffff:127.0.0.1":       false,
		"::ffff:10.0.0.1":        false,
		"64:ff9b::127.0.0.1":     false,
		"64:ff9b::8.8.8.8":       false,
		"64:ff9b:1::10.0.0.1":    false,
		"2001:0:7f00:1::1":       false,
		"2002:7f00:1::1":         false,
		"2001:db8::1":            false,
		"fc00::1":                false,
		"fd12:3456::1":           false,
		"fe80::1":                false,
		"fe80::1%eth0":           false,
		"fec0::1":                false,
		"ff02::1":                false,
		"ff0e::1":                false,
		"100::1":                 false,
		"3fff::1":                false,
		"fd00:ec2::254":          false,
		"::ffff:169.254.169.254": false,
	} {
		a := netip.MustParseAddr(text)
		if got := (filter{}).check(a); (got == nil) != want || got != nil && !errors.Is(got, ErrRefused) {
			t.Errorf("check(%s) = %v, want that it may be called: %t", text, got, want)
		}
		if (filter{strict: true}).check(a) == nil {
			t.Errorf("%s may be called by HTTP, want that nothing may", text)
		}
		bits := a.Unmap().BitLen()
		allowed := filter{allowed: []netip.Prefix{netip.PrefixFrom(a.Unmap().WithZone(""), bits)}, strict: true}
		if err := allowed.check(a); err != nil {
			t.Errorf("check(%s) = %v, want that it is allowed", text, err)
		}
		if err := (filter{}).control("tcp", netip.AddrPortFrom(a, 443).String(), nil); (err == nil) != want {
			t.Errorf("control(%s) = %v, want that it may be dialled: %t", text, err, want)
		}
	}
	if err := (filter{}).control("tcp", "example.com:443", nil); !errors.Is(err, ErrRefused) {
		t.Errorf("control() = %v of a name, want %v", err, ErrRefused)
	}
}
