package sample

import (
	"context"
	"iter"
	"sync"

	"github.com/tizilim/tizilim/domain"
)

// Log is a log that holds what it is given. Follow and Head are those of domain.Log.
type Log struct {
	// Fault, where set, may end a Follow with an error before a commit is given out, or wait.
	Fault func(ctx context.Context, next domain.Commit) error

	mu      sync.Mutex // protects what follows
	commits []domain.Commit
	grown   chan struct{} // closed, and replaced, when the log grows
}

// NewLog makes a log of the commits.
func NewLog(commits []domain.Commit) *Log {
	return &Log{commits: commits[:len(commits):len(commits)], grown: make(chan struct{})}
}

// Append adds commits, whose positions must follow the last one.
func (l *Log) Append(commits ...domain.Commit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commits = append(l.commits, commits...)
	close(l.grown)
	l.grown = make(chan struct{})
}

// Head implements domain.Log.
func (l *Log) Head(context.Context) (domain.Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.commits) == 0 {
		return 0, nil
	}
	return l.commits[len(l.commits)-1].Position, nil
}

// Follow implements domain.Log.
func (l *Log) Follow(ctx context.Context, after domain.Position) iter.Seq2[domain.Commit, error] {
	return func(yield func(domain.Commit, error) bool) {
		for i := 0; ; {
			l.mu.Lock()
			commits, grown := l.commits, l.grown
			l.mu.Unlock()
			for ; i < len(commits); i++ {
				if commits[i].Position <= after {
					continue
				}
				if l.Fault != nil {
					if err := l.Fault(ctx, commits[i]); err != nil {
						yield(domain.Commit{}, err)
						return
					}
				}
				if ctx.Err() != nil || !yield(commits[i], nil) {
					return
				}
			}
			select {
			case <-grown:
			case <-ctx.Done():
				return
			}
		}
	}
}
