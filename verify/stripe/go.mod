module github.com/meterbridge/meterbridge/verify/stripe

go 1.26.0

replace github.com/meterbridge/meterbridge => ../../

require (
	github.com/google/go-cmp v0.7.0
	github.com/meterbridge/meterbridge v0.0.0-00010101000000-000000000000
	github.com/stripe/stripe-go/v85 v85.0.0
)
