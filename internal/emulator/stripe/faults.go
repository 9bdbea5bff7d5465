package stripe

import (
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// A Fault is one way in which Stripe, or the way to it, can fail. The zero value is none.
type Fault string

// The faults. After the first four nothing has been done; the others lose or spoil an answer to work that has been done,
// except for a hang.
const (
	FaultRateLimit   Fault = "rate_limit"  // 429
	FaultConflict    Fault = "conflict"    // 409 that asks for a retry with Stripe-Should-Retry
	FaultError       Fault = "error"       // 500 in Stripe's shape
	FaultUnavailable Fault = "unavailable" // 503 with a page of HTML, as a proxy would send
	FaultHang        Fault = "hang"        // no answer until the client gives up, then a closed connection
	FaultTrickle     Fault = "trickle"     // the answer in small pieces over five seconds
	FaultTruncate    Fault = "truncate"    // half of the answer, then a closed connection
	FaultReset       Fault = "reset"       // no answer, but a reset connection
)

// Faults returns every fault.
func Faults() []Fault {
	return []Fault{
		FaultRateLimit, FaultConflict, FaultError, FaultUnavailable, FaultHang, FaultTrickle, FaultTruncate, FaultReset,
	}
}

// RandomFaults returns a function for [Options.Faults] that lets a share of the requests, between 0 and 1, fail in one of
// the given ways. The same seed gives the nth request for a path the same fate, whatever happens to other paths
// meanwhile, so that a run can be repeated although its requests race. It is safe for concurrent use.
func RandomFaults(seed uint64, share float64, faults ...Fault) func(*http.Request) Fault {
	var mu sync.Mutex
	attempts := map[string]int{}
	return func(r *http.Request) Fault {
		target := r.Method + " " + r.URL.Path
		mu.Lock()
		attempts[target]++
		attempt := attempts[target]
		mu.Unlock()
		sum := fnv.New64a()
		fmt.Fprintf(sum, "%d %s %d", seed, target, attempt)
		roll := mix(sum.Sum64())
		if len(faults) == 0 || float64(roll>>11)/(1<<53) >= share {
			return ""
		}
		return faults[mix(roll)%uint64(len(faults))]
	}
}

// mix spreads the entropy of x over all of its bits, as FNV does not for inputs that differ in their last bytes only.
// It is the finaliser of SplitMix64: https://prng.di.unimi.it/splitmix64.c.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// refuse answers r itself if f is a fault that leaves the work undone.
func (f Fault) refuse(w http.ResponseWriter, r *http.Request) bool {
	switch f {
	case FaultRateLimit:
		w.Header().Set(rateLimitReason, "global-rate")
		writeFailure(w, r, rateLimited(r))
	case FaultConflict:
		w.Header().Set("Stripe-Should-Retry", "true")
		writeFailure(w, r, newFailure(http.StatusConflict, "", "lock_timeout", "", "This object cannot be accessed right now."))
	case FaultError:
		writeFailure(w, r, newFailure(http.StatusInternalServerError, "api_error", "", "", "An unknown error occurred."))
	case FaultUnavailable:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "<html><body><h1>503 Service Unavailable</h1></body></html>\n")
	case FaultHang:
		// The server notices that a client has gone only once the body has been read.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	return true
}

// trickleWait is the pause before each of the pieces of a trickled answer.
const (
	trickleWait   = 250 * time.Millisecond
	tricklePieces = 20
)

// write sends an answer as f spoils it.
func (f Fault) write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	switch f {
	case FaultReset:
		reset(w)
	case FaultTruncate:
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case FaultTrickle:
		w.WriteHeader(status)
		trickle(w, r, body)
	default:
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

func trickle(w http.ResponseWriter, r *http.Request, body []byte) {
	size := len(body)/tricklePieces + 1
	for len(body) > 0 {
		if sleep(r.Context(), trickleWait) != nil {
			panic(http.ErrAbortHandler)
		}
		piece := body[:min(size, len(body))]
		body = body[len(piece):]
		_, _ = w.Write(piece)
		_ = http.NewResponseController(w).Flush()
	}
}

// reset closes the connection in a way that the client sees as an error of the network, not as an empty answer.
func reset(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
		return
	}
	panic(http.ErrAbortHandler)
}
