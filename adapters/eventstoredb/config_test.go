package eventstoredb

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tizilim/tizilim/domain"
)

func TestConnectionString(t *testing.T) {
	with := func(change func(*settings)) settings {
		s := settings{
			hosts: []string{"localhost:2113"}, deadline: 10 * time.Second, gossip: 5 * time.Second, attempts: 10,
			interval: 100 * time.Millisecond, keepAlive: 10 * time.Second, alive: 10 * time.Second, name: "tizilim",
		}
		change(&s)
		return s
	}
	for text, want := range map[string]settings{
		"esdb://localhost":            with(func(*settings) {}),
		"esdb://localhost:2113/":      with(func(*settings) {}),
		"esdb://localhost?tls=true":   with(func(*settings) {}),
		"esdb://localhost/?TLS=False": with(func(*settings) {}),
		"esdb+discover://cluster:1":   with(func(s *settings) { s.hosts, s.discover = []string{"cluster:1"}, true }),
		"esdb://a:1,b,[::1]:3":        with(func(s *settings) { s.hosts, s.discover = []string{"a:1", "b:2113", "[::1]:3"}, true }),
		"esdb://me:p%40ss@a:1,b:2": with(func(s *settings) {
			s.hosts, s.discover, s.user, s.password = []string{"a:1", "b:2"}, true, "me", "p@ss"
		}),
		"esdb://me:p@ss@localhost":    with(func(s *settings) { s.user, s.password = "me", "p@ss" }),
		"esdb://localhost?tls=false&": with(func(*settings) {}),
		"esdb://localhost?nodePreference=leader&connectionName=x&keepAliveInterval=-1&keepAliveTimeout=20000": with(func(s *settings) {
			s.name, s.keepAlive, s.alive = "x", 0, 20*time.Second
		}),
		"esdb://localhost?defaultDeadline=1500&discoveryInterval=7&gossipTimeout=3&maxDiscoverAttempts=2": with(func(s *settings) {
			s.deadline, s.interval, s.gossip, s.attempts = 1500*time.Millisecond, 7*time.Millisecond, 3*time.Second, 2
		}),
	} {
		got, err := parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if secure := !strings.Contains(strings.ToLower(text), "tls=false"); (got.tls != nil) != secure {
			t.Errorf("%s: TLS %v", text, got.tls != nil)
		}
		if d := cmp.Diff(want, *got, cmp.AllowUnexported(settings{}), cmpopts.IgnoreFields(settings{}, "tls")); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
}

func TestConnectionStringRefused(t *testing.T) {
	for _, text := range []string{
		"", "localhost:2113", "nats://localhost", "esdb:/localhost", "esdb://", "esdb://,", "esdb://a,,b", "esdb://a:b", "esdb://a:0",
		"esdb://a:99999", "esdb://a:1:2", "esdb://:2113", "esdb://a/tizilim", "esdb://a#x", "esdb://:secret@a", "esdb://me:secret%zz@a",
		"esdb://me:secret@a?tls=perhaps", "esdb://me:secret@a?tls=true&tls=false", "esdb://me:secret@a?unknown=1", "esdb://a?defaultDeadline=0",
		"esdb://a?defaultDeadline=soon", "esdb://a?nodePreference=follower", "esdb://a?keepAliveInterval=-2", "esdb://a?tls=false&tlsCAFile=x",
		"esdb://a?userCertFile=x", "esdb://a?tlsCAFile=config.go", "esdb://me:secret@a?%zz",
	} {
		_, err := parse(text)
		if !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the password is in the error: %v", text, err)
		}
	}
}
