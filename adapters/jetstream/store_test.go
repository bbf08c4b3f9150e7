package jetstream_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/domain"
)

func TestSmoke(t *testing.T) {
	ctx := t.Context()
	cfg := jetstream.Config{Dir: t.TempDir()}
	s, err := jetstream.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	st, _ := domain.NewStream("license", "26000001")
	ev := []domain.Event{{ID: uuid.New(), Type: "x", Schema: 1, Time: time.Now().UTC().Truncate(time.Microsecond), Data: []byte(`{}`)}}
	for i := range 3 {
		p, err := s.Append(ctx, st, 0, ev)
		t.Log(i, p, err)
	}
	for r, err := range s.Read(ctx, st, 1) {
		t.Log(r.Version, r.Position, err)
	}
	for c, err := range s.Follow(ctx, 0) {
		t.Log(c.Position, err)
		break
	}
	t.Log(s.Healthy(ctx), s.Close())
	begin := time.Now()
	s, err = jetstream.Open(context.Background(), cfg)
	t.Log(time.Since(begin), err)
	t.Log(s.Append(ctx, st, 0, ev))
	t.Log(s.Close())
}
