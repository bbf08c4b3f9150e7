package natstest

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// StartApart starts three nodes as Start does, which a test can cut off from one another. Clients reach
// each of them all the same.
func StartApart(t testing.TB) *Nodes {
	t.Helper()
	return start(t, true)
}

// Cut takes the network between the node and the others away until Heal: what they send waits on its way,
// as it does where packets are lost.
func (c *Nodes) Cut(n *Node) { c.each(n, (*link).cut) }

// Heal gives the network back.
func (c *Nodes) Heal(n *Node) { c.each(n, (*link).heal) }

func (c *Nodes) each(n *Node, do func(*link)) {
	for _, l := range c.links {
		if l.from == n || l.to == n {
			do(l)
		}
	}
}

// link is the way of one node to another.
type link struct {
	from, to *Node
	door     net.Listener
	target   string
	done     sync.WaitGroup

	mu     sync.Mutex // protects what follows
	moved  *sync.Cond // when it changes
	broken bool
	closed bool
	conns  []net.Conn
}

// newLink listens for a node that goes to another one's address.
func newLink(t testing.TB, from, to *Node, target string) *link {
	t.Helper()
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{from: from, to: to, door: door, target: target}
	l.moved = sync.NewCond(&l.mu)
	l.done.Go(l.accept)
	return l
}

func (l *link) accept() {
	for {
		conn, err := l.door.Accept()
		if err != nil {
			return
		}
		l.done.Go(func() { l.carry(conn) })
	}
}

// carry joins a connection with one to the target.
func (l *link) carry(from net.Conn) {
	defer from.Close()
	if !l.keep(from) {
		return
	}
	to, err := net.Dial("tcp", l.target)
	if err != nil {
		return
	}
	defer to.Close()
	if !l.keep(to) {
		return
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		l.copy(from, to)
	}()
	l.copy(to, from)
	<-back
}

// copy carries bytes while the link is whole, and ends both connections with either.
func (l *link) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && l.whole() {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

// whole waits until the link is, false where it is closed.
func (l *link) whole() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.broken && !l.closed {
		l.moved.Wait()
	}
	return !l.closed
}

// keep notes a connection, once the link is whole.
func (l *link) keep(c net.Conn) bool {
	if !l.whole() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, c)
	return !l.closed
}

func (l *link) cut()  { l.set(true) }
func (l *link) heal() { l.set(false) }

func (l *link) set(broken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = broken
	l.moved.Broadcast()
}

// close ends the link and what it carries.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	l.moved.Broadcast()
	all := append([]io.Closer{l.door}, closers(l.conns)...)
	l.mu.Unlock()
	for _, c := range all {
		_ = c.Close() // it may be closed already
	}
	l.done.Wait()
}

func closers(conns []net.Conn) []io.Closer {
	all := make([]io.Closer, len(conns))
	for i, c := range conns {
		all[i] = c
	}
	return all
}

// apart has the node go to the others over links, and tells nobody how to come to it without one.
func (n *Node) apart(t testing.TB) {
	t.Helper()
	n.With(t, func(config string) string {
		return strings.Replace(config, "  listen: $NATS_CLUSTER\n", "  listen: $NATS_CLUSTER\n  advertise: \"127.0.0.1:1\"\n", 1)
	})
}
