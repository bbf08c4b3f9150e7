package memstore_test

import (
	"sync/atomic"
	"testing"

	"github.com/tizilim/tizilim/adapters/memstore"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		s := memstore.New()
		var fail, lose atomic.Bool
		once := func(flag *atomic.Bool) func(domain.Commit) error {
			return func(domain.Commit) error {
				if flag.CompareAndSwap(true, false) {
					return domain.ErrUnavailable
				}
				return nil
			}
		}
		s.BeforeAppend, s.AfterAppend = once(&fail), once(&lose)
		return storetest.Subject{
			Store:    s,
			Reopen:   func(*testing.T) storetest.Store { return s }, // it lives as long as the process
			FailNext: func() { fail.Store(true) },
			LoseNext: func() { lose.Store(true) },
			Damage: func(t *testing.T, p domain.Position) storetest.Store {
				s.Lose(p)
				return s
			},
		}
	})
}
