package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go/jetstream"
)

const probeName = "SELFTEST"

// selfTest finds out whether the server keeps a log the way the group flush needs it: after an
// acknowledgement the message is in the block file, and a second one comes behind it in the same,
// otherwise unchanged file. It uses a stream of its own and leaves nothing behind.
func (e *engine) selfTest(ctx context.Context, dir string) (err error) {
	if !groupFlush {
		return errors.New("directories cannot be flushed on this platform")
	}
	if err := e.dropProbe(ctx); err != nil { // of a start that was cut off
		return err
	}
	config := streamConfig()
	config.Name, config.Subjects = probeName, []string{"selftest"}
	config.DenyDelete, config.DenyPurge = false, false
	if _, err := e.client.CreateStream(ctx, config); err != nil {
		return fmt.Errorf("self-test: %w", err)
	}
	defer func() { err = errors.Join(err, e.dropProbe(ctx)) }()

	file := filepath.Join(blockDir(dir, probeName), "1.blk")
	var before []byte
	for _, probe := range [][]byte{[]byte("first probe of the self-test"), []byte("second probe of the self-test")} {
		if _, err := e.client.Publish(ctx, "selftest", probe); err != nil {
			return fmt.Errorf("self-test: %w", err)
		}
		after, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("self-test: %w", err)
		}
		if !bytes.HasPrefix(after, before) || !bytes.Contains(after[len(before):], probe) {
			return fmt.Errorf("self-test: an acknowledged message is not at the end of %s", file)
		}
		before = after
	}
	return nil
}

func (e *engine) dropProbe(ctx context.Context) error {
	err := e.client.DeleteStream(ctx, probeName)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("self-test: %w", err)
	}
	return nil
}
