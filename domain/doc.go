// Package domain is what is true in Tizilim, in pure Go: the event, the record of it, the ports to
// whatever stores events, the kinds of error, and Execute, the one way a command takes.
//
// Read it in this order: event.go (what is stored), store.go (what a store promises), execute.go
// (how a command becomes events), errors.go. The nouns of licensing are in the packages below:
// regulation (the acts as data), application and license (the two state machines), calendar and
// ident. Nothing here knows a clock, a disk or a network.
package domain
