package telemetry

import (
	"context"
	"io"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// NewLogger returns a logger whose lines look like Lambda's own: "timestamp", "level", "message" and, within an
// invocation, "requestId". The level is a parameter and not, as in lambdacontext.NewLogHandler, what the environment held
// when the program was loaded; Lambda's own level filter applies on top of it.
func NewLogger(w io.Writer, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: lambdacontext.ReplaceAttr}
	return slog.New(invocationHandler{slog.NewJSONHandler(w, options)})
}

// invocationHandler adds the id of the invocation.
type invocationHandler struct{ slog.Handler }

func (h invocationHandler) Handle(ctx context.Context, r slog.Record) error {
	if invocation, ok := lambdacontext.FromContext(ctx); ok {
		r.AddAttrs(slog.String("requestId", invocation.AwsRequestID))
	}
	return h.Handler.Handle(ctx, r)
}

func (h invocationHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return invocationHandler{h.Handler.WithAttrs(attrs)}
}

func (h invocationHandler) WithGroup(name string) slog.Handler {
	return invocationHandler{h.Handler.WithGroup(name)}
}

// maxID is far above the length of any id, type or context that Stripe uses.
const maxID = 200

// ID returns an attribute for an id, a type or a context from an event. It cuts what is too long to be one, so that a
// payload cannot reach the log through such a member.
func ID(key, value string) slog.Attr {
	if len(value) > maxID {
		value = value[:maxID] + "…"
	}
	return slog.String(key, value)
}

// TraceHeader returns the X-Ray header of the invocation, or "" outside of one, for handing on to other services.
func TraceHeader(ctx context.Context) string {
	header, _ := ctx.Value("x-amzn-trace-id").(string) // the key under which aws-lambda-go keeps it
	return header
}
