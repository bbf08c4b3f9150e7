package eventstoredb

import "google.golang.org/grpc"

// WithDial adds to how connections are made.
func (c Config) WithDial(options ...grpc.DialOption) Config {
	c.dial = options
	return c
}
