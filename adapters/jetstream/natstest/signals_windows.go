package natstest

import "os"

// Windows has no such signals: a test that pauses fails there.
var pause, resume os.Signal = os.Interrupt, os.Interrupt
