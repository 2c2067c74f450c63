package lan

import (
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Addresses are those of this machine's interfaces that are up, each with its subnet.
func Addresses() ([]netip.Prefix, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var out []netip.Prefix
	for _, l := range links {
		if l.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := l.Addrs()
		if err != nil {
			continue // it went away meanwhile
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// mostAddresses bounds the doors of a machine with many networks.
const mostAddresses = 8

// private picks the addresses that other computers of a school may come in by, and
// the machine's own: RFC 1918, unique local (RFC 4193), IPv4 link-local (RFC 3927). An
// IPv6 link-local address has no place in a browser's address line.
func private(all []netip.Prefix) []netip.Prefix {
	out := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}
	for _, p := range all {
		a := p.Addr().Unmap()
		if (a.IsPrivate() || a.Is4() && a.IsLinkLocalUnicast()) && len(out) <= mostAddresses {
			out = append(out, netip.PrefixFrom(a, p.Bits()))
		}
	}
	// IPv4 first: it is what people can type.
	slices.SortStableFunc(out[1:], func(a, b netip.Prefix) int { return a.Addr().BitLen() - b.Addr().BitLen() })
	return out
}

var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// names are what this machine is called on a network without a name server.
func names() []string {
	out := []string{"localhost"}
	host, err := os.Hostname()
	host, _, _ = strings.Cut(strings.ToLower(host), ".")
	if err == nil && label.MatchString(host) && host != "localhost" {
		out = append(out, host, host+".local")
	}
	return out
}
