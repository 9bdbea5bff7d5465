package stripeapi

// Pinging is for tests.
var Pinging = pinging
