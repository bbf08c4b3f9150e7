//go:build !linux

package jetstream_test

import (
	"testing"

	"github.com/tizilim/tizilim/adapters/tooltest"
)

func TestPowerCut(t *testing.T) {
	tooltest.Missing(t, "POWERCUT", "the power cut: it needs Linux, root, loop devices and mkfs.ext4")
}
