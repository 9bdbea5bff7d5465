package stripe

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// A Fault is a way in which Stripe, or the network, can fail. The zero value means no fault.
type Fault string

// The faults. With the first two and with a hang, the request has no effect; the others damage or
// lose the answer to a request that took effect.
const (
	FaultRateLimit Fault = "rate_limit" // 429
	FaultError     Fault = "error"      // 500 in Stripe's format
	FaultHang      Fault = "hang"       // no answer until the client gives up, then a closed connection
	FaultTrickle   Fault = "trickle"    // the answer in small pieces over five seconds
	FaultTruncate  Fault = "truncate"   // half of the answer, then a closed connection
	FaultReset     Fault = "reset"      // a connection reset instead of an answer
)

// refuse answers r if f prevents the request from taking effect. It does not return for a hang.
func (f Fault) refuse(w http.ResponseWriter, r *http.Request) (status int, refused bool) {
	switch f {
	case FaultRateLimit:
		w.Header().Set(rateLimitReason, "global-rate")
		return writeError(w, r, rateLimited(r)), true
	case FaultError:
		return writeError(w, r, newError(http.StatusInternalServerError, "api_error", "", "", "An unknown error occurred.")), true
	case FaultHang:
		// The server detects that the client has disconnected only after the body has been read.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	return 0, false
}

func writeError(w http.ResponseWriter, r *http.Request, err error) (status int) {
	status, body := errorResponse(err, r)
	Fault("").write(w, r, status, body)
	return status
}

// A trickled answer is sent in tricklePieces pieces, with a wait of trickleWait before each.
const (
	trickleWait   = 250 * time.Millisecond
	tricklePieces = 20
)

// write sends an answer, damaged by f. It does not return if f closes the connection.
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
		select {
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-time.After(trickleWait):
		}
		piece := body[:min(size, len(body))]
		body = body[len(piece):]
		_, _ = w.Write(piece)
		_ = http.NewResponseController(w).Flush()
	}
}

// reset closes the connection with a network error and aborts the handler.
func reset(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}
