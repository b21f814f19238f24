package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// ErrRefused means that a receiver has an address that is not to be called.
var ErrRefused = errors.New("its address is refused: it is not a public one, or one for https only, " +
	"unless --webhook-allow names its network")

// special are the networks with addresses that are global by their form and reach something else all the same: a
// network of one's own, or, through a translator, any address of IPv4. RFC 6890 and the registries that follow it.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // behind the translators of providers
	netip.MustParsePrefix("192.0.0.0/24"),    // protocols
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // relays of 6to4
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
	netip.MustParsePrefix("::/96"),           // IPv4 in an old form
	netip.MustParsePrefix("64:ff9b::/96"),    // NAT64
	netip.MustParsePrefix("64:ff9b:1::/48"),  // NAT64 of one's own
	netip.MustParsePrefix("100::/64"),        // discarded
	netip.MustParsePrefix("2001::/23"),       // protocols, Teredo among them
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("3fff::/20"),       // documentation
	netip.MustParsePrefix("5f00::/16"),       // segment routing
	netip.MustParsePrefix("fec0::/10"),       // site-local
}

// public reports whether an address is one of a host in the internet.
func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() { // the first also excludes loopback, link-local, multicast and unspecified
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// filter says which addresses may be called.
type filter struct {
	allowed []netip.Prefix // besides public ones
	strict  bool           // only these
}

// check returns ErrRefused for an address that may not be called.
func (f filter) check(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	if slices.ContainsFunc(f.allowed, func(p netip.Prefix) bool { return p.Contains(a) }) || !f.strict && public(a) {
		return nil
	}
	return fmt.Errorf("%s: %w", a, ErrRefused)
}

// control is the Control of a net.Dialer: it looks at the address that is about to be called, after names were
// resolved, so that no name can mean something else in between.
func (f filter) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%.100q: %w", address, ErrRefused)
	}
	return f.check(at.Addr())
}
