package notices

import (
	"context"
	"time"
)

// Tell tells of all that is due now, once.
func (s *Sender) Tell(ctx context.Context) error { return s.tell(ctx) }

// Settling is how long after a deadline it is told to be missed.
const Settling time.Duration = settling
