// Package lambdahttp turns the HTTP events of Lambda into one small request type, and responses back.
//
// Three front doors send three shapes: an HTTP API (payload format 2.0), a Function URL (the same format), and a REST API
// (format 1.0, which an HTTP API can be told to use too). No other file knows them. Bodies stay as the front door encoded
// them until [Request.Body] is called, so that a size limit can be applied first; base64 is decoded there and nowhere
// else, because a signature covers the bytes that the sender sent.
//
// The formats: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html and
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html.
package lambdahttp
