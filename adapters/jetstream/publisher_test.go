package jetstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// peer is the server's end of a publisher's connection.
type peer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// line is the next line that the publisher has sent.
func (p peer) line() string {
	line, err := p.in.ReadString('\n')
	if err != nil {
		p.t.Error(err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

func (p peer) say(parts ...string) {
	for _, part := range parts {
		if _, err := io.WriteString(p.conn, part); err != nil {
			p.t.Error(err)
		}
	}
}

// meet makes a publisher with a server that is scripted.
func meet(t *testing.T) (*publisher, peer) {
	ours, theirs := net.Pipe()
	t.Cleanup(func() { theirs.Close() })
	server := peer{t, theirs, bufio.NewReader(theirs)}
	greeted := make(chan struct{})
	go func() {
		defer close(greeted)
		server.say("INFO {}\r\n")
		if line := server.line(); !strings.Contains(line, `"pass":"secret"`) {
			t.Errorf("said %s", line)
		}
		server.line() // SUB
		server.line() // PING
		server.say("PO", "NG\r\n")
	}()
	p, err := newPublisher(ours, "user", "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	<-greeted
	return p, server
}

func reply(p *publisher, n, sequence int) string {
	body := fmt.Sprintf(`{"stream":"X","seq":%d}`, sequence)
	return fmt.Sprintf("MSG %s.%d 1 %d\r\n%s\r\n", p.inbox, n, len(body), body)
}

// TestPublisherSends looks at what a group is on the wire: only the last message asks for a reply.
func TestPublisherSends(t *testing.T) {
	p, server := meet(t)
	got := make(chan string, 1)
	go func() {
		var lines []string
		for range 10 {
			lines = append(lines, server.line())
		}
		got <- strings.Join(lines, "\n")
		// In pieces, as a pipe may bring it.
		r := reply(p, 1, 8)
		server.say(r[:5], r[5:30], r[30:])
	}()
	ack, err := p.ask([]message{{"a.b", 6, []byte("one")}, {"a.c", 7, []byte("two")}})
	if err != nil || ack.Sequence != 8 || ack.Error != nil {
		t.Errorf("%+v, %v", ack, err)
	}
	want := strings.ReplaceAll(`HPUB a.b 44 47
NATS/1.0
Nats-Expected-Last-Sequence: 6

one
HPUB a.c INBOX.1 44 47
NATS/1.0
Nats-Expected-Last-Sequence: 7

two`, "INBOX", p.inbox)
	if diff := cmp.Diff(want, <-got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestPublisherLateReply: a reply that nobody waits for any more is not taken for the next one, also
// where the wait ended in the middle of it.
func TestPublisherLateReply(t *testing.T) {
	p, server := meet(t)
	go func() {
		for range 5 {
			server.line()
		}
		late := reply(p, 1, 1)
		server.say(late[:20])
		for range 5 {
			server.line()
		}
		server.say(late[20:]+"PING\r\n", "MSG "+p.inbox+".2 1 33\r\n", `{"error":{"err_code":10071},"`, `":0}`+"\r\n")
	}()
	p.patience = 20 * time.Millisecond
	if _, err := p.ask([]message{{"a.b", 0, []byte("one")}}); err == nil || errors.Is(err, errLost) {
		t.Errorf("no answer: %v", err)
	}
	p.patience = requestTime
	ack, err := p.ask([]message{{"a.b", 0, []byte("two")}})
	if err != nil || ack.Error == nil || ack.Error.ErrorCode != 10071 {
		t.Errorf("%+v, %v", ack, err)
	}
}

// TestPublisherLost: whatever else the server says, or its silence for ever, ends the connection.
func TestPublisherLost(t *testing.T) {
	for _, answer := range []string{
		"", "-ERR 'Authorization Violation'\r\n", "HMSG _INBOX.a.1 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n",
		"MSG x\r\n", "MSG a 1 many\r\n", "MSG a 1 -5\r\n",
	} {
		p, server := meet(t)
		go func() {
			for range 5 {
				server.line()
			}
			server.say(answer)
			server.conn.Close()
		}()
		if _, err := p.ask([]message{{"a.b", 0, []byte("one")}}); !errors.Is(err, errLost) {
			t.Errorf("%q: %v", answer, err)
		}
		if err := p.send([]message{{"a.b", 0, []byte("one")}}); !errors.Is(err, errLost) {
			t.Errorf("after %q: %v", answer, err)
		}
	}
}

func FuzzPublisherParse(f *testing.F) {
	f.Add([]byte("MSG a 1 3\r\nabc\r\nPING\r\n"))
	f.Add([]byte("HMSG a 1 b 2 3\r\nabc\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, length, err := parse(b)
		if length < 0 || length > len(b) || err != nil && length != 0 {
			t.Errorf("%d of %d bytes, %v", length, len(b), err)
		}
		if length == 0 {
			return
		}
		// What is not whole yet is waited for, and then means the same.
		for cut := range length {
			if early, n, _ := parse(b[:cut]); n != 0 && cut < length && s.word == early.word && strings.HasSuffix(early.word, "MSG") {
				t.Errorf("%q was taken for whole", b[:cut])
			}
		}
	})
}
