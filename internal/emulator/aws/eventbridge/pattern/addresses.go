package pattern

import (
	"net/netip"
	"strconv"
	"strings"
)

// parseAddress parses an IP address. As in event-ruler, leading zeros in an IPv4 address are
// ignored, an IPv4 address mapped to IPv6 (::ffff:a00:1) is IPv4, and neither an address with a
// zone nor the mixed notation ::ffff:10.0.0.1 is an address.
func parseAddress(s string) (netip.Addr, bool) {
	if strings.IndexByte(s, ':') >= 0 {
		addr, err := netip.ParseAddr(s)
		return addr.Unmap(), err == nil && !strings.ContainsAny(s, "%.")
	}
	const longest = len("255.255.255.255")
	parts := strings.Split(s, ".")
	if len(parts) != 4 || len(s) > longest {
		return netip.Addr{}, false
	}
	var bytes [4]byte
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return netip.Addr{}, false
		}
		bytes[i] = byte(n)
	}
	return netip.AddrFrom4(bytes), true
}

// cidr compiles a block such as 10.0.0.0/24 or 2001:db8::/32. A block of one address is an error,
// as in EventBridge; the address as an exact value means the same.
func cidr(o operand) (matcher, error) {
	s, err := o.stringValue()
	if err != nil {
		return nil, err
	}
	base, bits, _ := strings.Cut(s, "/")
	addr, ok := parseAddress(base)
	if !ok {
		return nil, o.errorf("%q is not an IP address", base)
	}
	n, err := strconv.Atoi(bits)
	if err != nil || n < 0 || n >= addr.BitLen() {
		return nil, o.errorf("the prefix length must be from 0 to %d, not %q", addr.BitLen()-1, bits)
	}
	block := netip.PrefixFrom(addr, n).Masked()
	return onStrings(func(s string) bool {
		addr, ok := parseAddress(s)
		return ok && block.Contains(addr)
	}), nil
}
