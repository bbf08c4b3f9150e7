package jetstream

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	publishBuffer = 64 << 10
	// writeTime is what the server may take to read what is sent to it. What was sent in part cannot be
	// taken back, so then the connection is over.
	writeTime = time.Minute
)

// errLost says that the connection to the server is over.
var errLost = errors.New("connection to the NATS server lost")

// publisher is the committer's own connection to the server. It speaks the few words of the NATS protocol
// that it takes to send a group and to hear of its last message, in the committer's own goroutine. The
// client would do, but there a message and its reply go through three goroutines more, each of which has
// to be woken up: a caller alone waited for that nearly half as long as for the disk.
//
// Nobody reads while nothing was asked, and the server cuts off who does not read, so it must not
// say anything by itself: it is told not to ping (startEngine), and a client of protocol 0 gets no news.
type publisher struct {
	conn  net.Conn
	out   *bufio.Writer
	in    []byte // was read, and not understood yet
	inbox string // replies go to inbox.1, inbox.2, …
	asked uint64 // the newest
	// patience is how long the server may take to answer.
	patience time.Duration
}

// pubAck is the reply to a message.
type pubAck struct {
	Error    *jetstream.APIError `json:"error"`
	Sequence uint64              `json:"seq"`
}

// newPublisher greets the server and returns when that has taken it in.
func newPublisher(conn net.Conn, user, password string) (*publisher, error) {
	p := &publisher{conn: conn, out: bufio.NewWriterSize(conn, publishBuffer), inbox: nats.NewInbox(), patience: requestTime}
	hello, err := json.Marshal(map[string]any{
		"verbose": false, "pedantic": false, "headers": true, "no_responders": true, "protocol": 0,
		"user": user, "pass": password, "name": "committer", "lang": "go", "version": nats.Version,
	})
	if err != nil {
		return nil, err
	}
	if err := p.greet(hello); err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect to the NATS server in this process: %w", err)
	}
	return p, nil
}

func (p *publisher) greet(hello []byte) error {
	if err := p.conn.SetDeadline(time.Now().Add(requestTime)); err != nil {
		return err
	}
	if _, err := p.hear("INFO"); err != nil { // it is the first to speak
		return err
	}
	fmt.Fprintf(p.out, "CONNECT %s\r\nSUB %s.* 1\r\nPING\r\n", hello, p.inbox)
	if err := p.out.Flush(); err != nil {
		return err
	}
	_, err := p.hear("PONG")
	return err
}

// message is one that is to be stored in the log, behind the sequence number after.
type message struct {
	subject string
	after   uint64
	data    []byte
}

// send sends messages, and asks for a reply to the last one of them.
func (p *publisher) send(messages []message) error {
	if err := p.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	for i, m := range messages {
		reply := ""
		if i == len(messages)-1 {
			p.asked++
			reply = p.replyTo() + " "
		}
		p.put(m, reply)
	}
	if err := p.out.Flush(); err != nil { // the first one that there was
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return nil
}

func (p *publisher) replyTo() string { return p.inbox + "." + strconv.FormatUint(p.asked, 10) }

// put writes a message as the protocol has it; Flush tells of errors.
func (p *publisher) put(m message, reply string) {
	var space [96]byte
	header := append(space[:0], "NATS/1.0\r\n"+jetstream.ExpectedLastSeqHeader+": "...)
	header = append(strconv.AppendUint(header, m.after, 10), "\r\n\r\n"...)

	line := append(p.out.AvailableBuffer(), "HPUB "...)
	line = append(append(line, m.subject...), ' ')
	line = append(line, reply...)
	line = append(strconv.AppendInt(line, int64(len(header)), 10), ' ')
	line = append(strconv.AppendInt(line, int64(len(header)+len(m.data)), 10), "\r\n"...)
	for _, part := range [...][]byte{line, header, m.data, []byte("\r\n")} {
		_, _ = p.out.Write(part)
	}
}

// ask sends messages and waits for the reply to the last one.
func (p *publisher) ask(messages []message) (ack pubAck, err error) {
	if err := p.send(messages); err != nil {
		return ack, err
	}
	if err := p.conn.SetReadDeadline(time.Now().Add(p.patience)); err != nil {
		return ack, fmt.Errorf("%w: %w", errLost, err)
	}
	for want := p.replyTo(); ; {
		said, err := p.hear("MSG")
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return ack, errors.New("the NATS server does not answer")
		case err != nil:
			return ack, fmt.Errorf("%w: %w", errLost, err)
		case said.subject == want:
			return ack, json.Unmarshal(said.data, &ack)
		} // another is the reply to a message that was given up
	}
}

// said is what the server says: a word of the protocol, with a message where it is MSG.
type said struct {
	word    string
	subject string
	data    []byte // valid until the next is heard
}

// hear waits until the server says the word. What else it says means nothing to a publisher, but for
// -ERR, and a message with a header, which is a status: nobody takes what was sent.
func (p *publisher) hear(word string) (said, error) {
	for {
		s, length, err := parse(p.in)
		if err != nil {
			return s, err
		}
		if length == 0 {
			if err := p.read(); err != nil {
				return s, err
			}
			continue
		}
		p.in = p.in[length:]
		switch s.word {
		case word:
			return s, nil
		case "-ERR", "HMSG":
			return s, fmt.Errorf("NATS server: %s %q", s.word, s.data)
		}
	}
}

// read reads on. What was read before a deadline passes stays.
func (p *publisher) read() error {
	if cap(p.in)-len(p.in) < publishBuffer/2 {
		p.in = append(make([]byte, 0, len(p.in)+publishBuffer), p.in...)
	}
	n, err := p.conn.Read(p.in[len(p.in):cap(p.in)])
	p.in = p.in[:len(p.in)+n]
	return err
}

// parse understands the first thing in b that the server has said, which is length bytes long, 0 where it
// is not whole. A message is: MSG subject subscription [reply] size, and then its data.
func parse(b []byte) (s said, length int, err error) {
	end := bytes.Index(b, []byte("\r\n"))
	if end < 0 {
		return s, 0, nil
	}
	word, rest, _ := bytes.Cut(b[:end], []byte(" "))
	s.word, s.data, length = string(word), rest, end+2
	if s.word != "MSG" && s.word != "HMSG" {
		return s, length, nil
	}
	fields := bytes.Fields(rest)
	if len(fields) < 3 {
		return s, 0, fmt.Errorf("NATS server: %q", b[:end])
	}
	size, err := strconv.Atoi(string(fields[len(fields)-1]))
	if err != nil || size < 0 {
		return s, 0, fmt.Errorf("NATS server: %q", b[:end])
	}
	if len(b) < length+size+2 {
		return said{}, 0, nil
	}
	s.subject, s.data = string(fields[0]), b[length:length+size]
	return s, length + size + 2, nil
}

func (p *publisher) close() { p.conn.Close() }
