// Package lambdahttp turns Lambda's HTTP events into one small request type, and responses back
// into Lambda's format.
//
// [Invoke] answers one event. An HTTP API and a Function URL send payload format 2.0; a REST API
// sends format 1.0, and an HTTP API can be configured to send it too. No other package knows these
// formats.
//
// Anyone can send a request, so an event is read with as little work as possible: [Parse] decodes
// nothing but the method and the address, and stops reading a body that is too large. The body stays
// as API Gateway encoded it until [Request.Body] is called. Base64 is decoded there and nowhere else,
// because a signature covers the bytes that the sender sent.
//
// The formats:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
// and
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html.
package lambdahttp

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrShape means that an event is not an HTTP request in either format: the function was
	// invoked by another kind of source.
	ErrShape = errors.New("lambdahttp: not an HTTP event")
	// ErrEncoding means that a body is not encoded as its event says, for example that it is marked
	// as base64 but is not.
	ErrEncoding = errors.New("lambdahttp: body is not encoded as the event says")
)

// A Request is an HTTP request from either format. It is immutable, safe for concurrent use, and
// valid as long as the event that it was parsed from is not changed.
type Request struct {
	Method   string // as sent; upper case from every real client
	SourceIP string // the sender's address, as the gateway saw it; "" if unknown

	headers  []byte // a JSON object whose values are strings or null
	lists    []byte // the same, but the values are lists of strings; nil if absent
	body     quoted // zero if tooLarge
	base64   bool
	tooLarge bool
}

// Parse reads a Lambda event whose body may have maxBody bytes. The body of a larger one is not
// read to its end. The only error is [ErrShape], whose text contains no part of the event.
func Parse(payload []byte, maxBody int) (*Request, error) {
	r, s := new(Request), &scanner{text: payload}
	p := parser{r, s, base64.StdEncoding.EncodedLen(maxBody)}
	switch err := s.members(p.member); {
	case errors.Is(err, errEnough):
		return r, nil
	case err != nil || !s.end():
		return nil, ErrShape
	case r.Method == "":
		return nil, fmt.Errorf("%w: no method", ErrShape)
	}
	r.tooLarge = r.tooLarge || r.size() > maxBody
	return r, nil
}

// A parser fills a request from the members of an event.
type parser struct {
	*Request
	s       *scanner
	longest int // the length of the longest body that can be small enough, which is in base64
}

// member reads a member of the event. If there are two of a name, the last one counts.
func (p *parser) member(name []byte) (err error) {
	switch string(name) {
	case "requestContext":
		return p.s.members(func(name []byte) error {
			if string(name) != "http" && string(name) != "identity" { // in format 2.0, and in 1.0
				return p.s.skip()
			}
			return p.s.members(p.contextMember)
		})
	case "httpMethod": // in format 1.0
		return p.into(&p.Method)
	case "headers":
		p.headers, err = p.span(func([]byte) error { return p.text() })
		return err
	case "multiValueHeaders": // in format 1.0
		p.lists, err = p.span(func([]byte) error { return p.s.each(p.text) })
		return err
	case "body":
		return p.readBody()
	case "isBase64Encoded":
		return p.flag()
	}
	return p.s.skip()
}

func (p *parser) contextMember(name []byte) error {
	switch string(name) {
	case "method": // in format 2.0
		return p.into(&p.Method)
	case "sourceIp":
		return p.into(&p.SourceIP)
	}
	return p.s.skip()
}

// into reads a string; an empty one changes nothing.
func (p *parser) into(value *string) error {
	quoted, err := p.s.quoted(len(p.s.text))
	if text, ok := quoted.text(); err == nil && ok && len(text) > 0 {
		*value = string(text)
	}
	return err
}

// span returns the text of an object and checks each of its members with value, which must read
// the member's value.
func (p *parser) span(value func(name []byte) error) ([]byte, error) {
	p.s.next()
	start := p.s.at
	err := p.s.members(value)
	return p.s.text[start:p.s.at], err
}

func (p *parser) text() error {
	_, err := p.s.quoted(len(p.s.text))
	return err
}

// readBody stops within a body that is too large. Events have the method before the body; in any
// other order the rest is needed.
func (p *parser) readBody() (err error) {
	start := p.s.at
	p.body, err = p.s.quoted(p.longest)
	if p.tooLarge = errors.Is(err, errEnough); p.tooLarge && p.Method == "" {
		p.s.at = start
		return p.s.skip()
	}
	return err
}

func (p *parser) flag() error {
	p.base64 = p.s.word("true")
	if !p.base64 && !p.s.word("false") && !p.s.word("null") {
		return errSyntax
	}
	return nil
}

// Header returns the value of a header, or "" if there is none. Names are compared without regard
// to case. Several values are joined with commas in the order in which they are in the event, as an
// HTTP API does and RFC 9110 allows. It prefers the lists of format 1.0, whose plain map has only
// the last of several values.
func (r *Request) Header(name string) string {
	var values []string
	add := func(s *scanner) error {
		value, err := s.quoted(len(s.text))
		if text, ok := value.text(); err == nil && ok {
			values = append(values, string(text))
		}
		return err
	}
	find := func(object []byte, read func(s *scanner) error) {
		s := &scanner{text: object}
		_ = s.members(func(key []byte) error { // Parse has checked the syntax
			if !bytes.EqualFold(key, []byte(name)) {
				return s.skip()
			}
			return read(s)
		})
	}
	if isEmpty(r.lists) {
		find(r.headers, add)
	} else {
		find(r.lists, func(s *scanner) error { return s.each(func() error { return add(s) }) })
	}
	return strings.Join(values, ",")
}

// isEmpty reports whether an object is absent, null or has no members.
func isEmpty(object []byte) bool {
	s := &scanner{text: object}
	return s.end() || s.word("null") || s.take('{') && s.take('}')
}

// TooLarge reports whether the body has more bytes than [Parse] was told.
func (r *Request) TooLarge() bool { return r.tooLarge }

// size returns the length of the body in bytes. It is exact for a valid body.
func (r *Request) size() int {
	if !r.base64 {
		return r.body.size
	}
	encoded := r.body.raw
	if r.body.escaped {
		encoded, _ = r.body.text()
	}
	return base64.RawStdEncoding.DecodedLen(len(bytes.TrimRight(encoded, "=")))
}

// Body returns the bytes that the sender sent, a new slice for each call. Its only error is
// [ErrEncoding]; a body that is too large is one that cannot be decoded.
func (r *Request) Body() ([]byte, error) {
	text, ok := r.body.text()
	if !ok || r.tooLarge {
		return nil, ErrEncoding
	}
	if !r.base64 {
		return text, nil
	}
	body, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return nil, ErrEncoding
	}
	return body, nil
}

// A Response is the answer, in the form that both formats accept.
type Response struct {
	Status int               `json:"statusCode"`
	Header map[string]string `json:"headers,omitempty"`
	Body   string            `json:"body"`
}

// Invoke answers a Lambda event whose body may have maxBody bytes. Its only error is [ErrShape].
func Invoke(ctx context.Context, payload []byte, maxBody int, handle func(context.Context, *Request) Response) ([]byte, error) {
	r, err := Parse(payload, maxBody)
	if err != nil {
		return nil, err
	}
	return json.Marshal(handle(ctx, r))
}
