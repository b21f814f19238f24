package guard

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the addresses of proxies: of what comes from them, X-Forwarded-For names the client.
type Proxies []netip.Prefix

// Contains reports whether an address is that of a proxy.
func (p Proxies) Contains(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(addr.Unmap().WithZone("")) })
}

// Peer returns the client that has an address: the network of one customer, in IPv6. It is zero for a proxy.
func (p Proxies) Peer(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	switch {
	case p.Contains(addr):
		return netip.Addr{}
	case addr.Is6():
		return netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}

// Client returns the client of a request. Of the addresses in X-Forwarded-For it takes the last one that is not a
// proxy's: a proxy appends, so what stands before that is a claim of the client. It is zero if only proxies are named.
func (p Proxies) Client(r *http.Request) netip.Addr {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !p.Contains(remote.Addr()) {
		return p.Peer(remote.Addr())
	}
	list := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for list != "" {
		before, last := cutLast(list)
		addr, err := parseForwarded(strings.TrimSpace(last))
		if err != nil {
			break
		}
		if !p.Contains(addr) {
			return p.Peer(addr)
		}
		list = before
	}
	return netip.Addr{}
}

// cutLast cuts a list at its last comma.
func cutLast(list string) (before, last string) {
	i := strings.LastIndexByte(list, ',')
	return list[:max(0, i)], list[i+1:]
}

// parseForwarded parses an address to which some proxies add the port.
func parseForwarded(text string) (netip.Addr, error) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr(), nil
	}
	return netip.ParseAddr(strings.Trim(text, "[]"))
}

type clientKey struct{}

// WithClient returns a context that knows the client of a request.
func (p Proxies) WithClient(ctx context.Context, r *http.Request) context.Context {
	return context.WithValue(ctx, clientKey{}, p.Client(r))
}

// ClientOf returns the client that WithClient has put into a context.
func ClientOf(ctx context.Context) netip.Addr {
	client, _ := ctx.Value(clientKey{}).(netip.Addr)
	return client
}
