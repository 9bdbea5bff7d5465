package pattern

import (
	"net/netip"
	"strconv"
	"strings"
)

// parseAddr reads an IP address. As in event-ruler, zeros before the digits of an IPv4 address mean nothing, an IPv4
// address written inside IPv6 (::ffff:a00:1) is IPv4, and neither zones nor the mixed form ::ffff:10.0.0.1 are addresses.
func parseAddr(s string) (netip.Addr, bool) {
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

func equalAddr(want netip.Addr) test {
	return onStrings(func(s string) bool {
		addr, ok := parseAddr(s)
		return ok && addr == want
	})
}

// cidr compiles a block such as 10.0.0.0/24 or 2001:db8::/32. A block of a single address is refused, as EventBridge
// does: the address itself, as an exact value, says the same.
func cidr(o operand) (test, error) {
	s, err := o.string()
	if err != nil {
		return nil, err
	}
	base, bits, _ := strings.Cut(s, "/")
	addr, ok := parseAddr(base)
	if !ok {
		return nil, o.errorf("%q is not an IP address", base)
	}
	n, err := strconv.Atoi(bits)
	if err != nil || n < 0 || n >= addr.BitLen() {
		return nil, o.errorf("%q is not a prefix length from 0 to %d", bits, addr.BitLen()-1)
	}
	block := netip.PrefixFrom(addr, n).Masked()
	return onStrings(func(s string) bool {
		addr, ok := parseAddr(s)
		return ok && block.Contains(addr)
	}), nil
}
