package notices

import "context"

// Subscriber is the user that may come from outside to the server of the registry's own. It hears every notice at
// the moment it is told, and has a consumer of that name in the ledger: from there a notice comes again until it
// is acknowledged. Whoever comes as this user shares the one consumer. There are no others to be made: a
// consumer can be made to send where it should not.
const Subscriber = "subscriber"

// Hears are the subjects that the subscriber may subscribe to.
func Hears() []string { return []string{prefix + ">"} }

// Asks are the subjects that it may send requests to.
func Asks() []string {
	const consumer = Stream + "." + Subscriber
	return []string{
		"$JS.API.STREAM.INFO." + Stream, "$JS.API.CONSUMER.INFO." + consumer,
		"$JS.API.CONSUMER.MSG.NEXT." + consumer, "$JS.ACK." + consumer + ".>",
	}
}

// ForSubscriber makes the subscriber's consumer where there is none.
func (l *Ledger) ForSubscriber(ctx context.Context) error {
	_, err := l.consumer(ctx, Subscriber)
	return err
}
