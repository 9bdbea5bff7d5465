// Package telemetry writes log lines and metrics for operators, both as JSON on a function's
// standard output.
//
// [NewLogger] returns a logger whose lines have the members of Lambda's own JSON logs. [Metrics]
// writes lines in CloudWatch's embedded metric format, which cost no API call and need no
// permission. One line can be both, because CloudWatch charges for what is written. Callers pass only ids, codes and error texts, never a body, a header, a signature or
// a secret.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// NewLogger returns a logger whose lines look like Lambda's own: "timestamp", "level", "message"
// and, within an invocation, "requestId". The level is a parameter; [lambdacontext.NewLogHandler]
// would read it from the environment when the program is loaded. Lambda's own level filter applies
// as well.
func NewLogger(w io.Writer, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: replaceAttr}
	return slog.New(invocationHandler{slog.NewJSONHandler(w, options)})
}

// replaceAttr shortens the time to milliseconds, as in the lines of Lambda itself.
func replaceAttr(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
		a.Value = slog.StringValue(timestamp(a.Value.Time()))
	}
	return lambdacontext.ReplaceAttr(groups, a)
}

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// An invocationHandler adds the id of the invocation.
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

// maxID is in bytes, far above the length of any id, type or context that Stripe uses.
const maxID = 200

// ID returns an attribute for an id, a type or a context of an event. It truncates a value that is
// too long to be one, so that no payload reaches the log in such a member.
func ID(key, value string) slog.Attr {
	if len(value) > maxID {
		value = value[:maxID] + "…"
	}
	return slog.String(key, value)
}

// TraceHeader returns the X-Ray header of the invocation, to pass on to other services, or ""
// outside an invocation.
func TraceHeader(ctx context.Context) string {
	header, _ := ctx.Value("x-amzn-trace-id").(string) // aws-lambda-go's key
	return header
}
