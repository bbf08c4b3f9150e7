//go:build !linux

package jetstream_test

import (
	"os"
	"testing"
)

func TestPowerCut(t *testing.T) {
	if os.Getenv("TIZILIM_REQUIRE_POWERCUT") != "" {
		t.Fatal("THE POWER CUT WAS NOT TESTED, and it is required: it needs Linux")
	}
	t.Skip("THE POWER CUT WAS NOT TESTED: it needs Linux, root, loop devices and mkfs.ext4")
}
