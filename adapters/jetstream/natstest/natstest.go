// Package natstest runs the NATS cluster of deploy/nats as three real processes on this machine, which a
// test can kill, stop, pause, and rob of their disks:
//
//	func TestMain(m *testing.M) {
//		natstest.Main()
//		os.Exit(m.Run())
//	}
//
//	nodes := natstest.Start(t)
//	nodes[0].Kill(t)
//
// A node is the test binary again, told by its environment to be a NATS server.
package natstest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// asNode makes the test binary a NATS server with the configuration file it names.
const asNode = "TIZILIM_TEST_NATS_NODE"

// Main has to be called first in TestMain: in a process that is to be a node it does not return.
func Main() {
	config := os.Getenv(asNode)
	if config == "" {
		return
	}
	options, err := server.ProcessConfigFile(config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	options.NoLog, options.LogFile = false, os.Getenv(asNode+"_LOG")
	srv, err := server.NewServer(options)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	srv.ConfigureLogger()
	go func() { // the pipe breaks when the test is gone, however it went
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(1)
	}()
	srv.Start()
	srv.WaitForShutdown()
	os.Exit(0)
}

// Node is one server of the cluster.
type Node struct {
	Name string
	// Dir is the node's disk; what is in it is gone after Wipe.
	Dir string
	// URL is where clients connect.
	URL string

	env     []string
	config  string
	monitor string
	log     string
	process *exec.Cmd
	hold    *os.File // the end of a pipe the node ends with
}

// Nodes are the servers of one cluster, and the certificates for it.
type Nodes struct {
	All []*Node
	Certificates
	links []*link
}

// Start starts three nodes, and stops them with the test.
func Start(t testing.TB) *Nodes {
	t.Helper()
	return start(t, false)
}

func start(t testing.TB, apart bool) *Nodes {
	t.Helper()
	dir := t.TempDir()
	certs := NewCertificates(t)
	ports := FreePorts(t, 9)
	address := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	c := &Nodes{Certificates: certs}
	for i := range 3 {
		c.All = append(c.All, &Node{
			Name: fmt.Sprintf("nats-%d", i+1), Dir: filepath.Join(dir, fmt.Sprintf("node-%d", i+1)),
			URL: "tls://" + address(3*i), config: configFile(), monitor: address(3*i + 2),
			log: filepath.Join(dir, fmt.Sprintf("node-%d.log", i+1)),
		})
	}
	for i, n := range c.All {
		var routes []string
		for j, other := range c.All {
			route := address(3*j + 1)
			if apart && i != j {
				l := newLink(t, n, other, route)
				c.links, route = append(c.links, l), l.door.Addr().String()
			}
			routes = append(routes, `"tls://`+route+`"`)
		}
		n.env = []string{
			"NATS_NAME=" + n.Name, "NATS_LISTEN=" + address(3*i), "NATS_CLUSTER=" + address(3*i+1), "NATS_MONITOR=" + n.monitor,
			"NATS_ROUTES=[" + strings.Join(routes, ", ") + "]", "NATS_STORE=" + n.Dir,
			"NATS_CA=" + certs.CA, "NATS_CERT=" + certs.file("node.pem"), "NATS_KEY=" + certs.file("node-key.pem"),
			asNode + "_LOG=" + n.log,
		}
		if apart {
			n.apart(t)
		}
		n.Start(t)
	}
	t.Cleanup(func() {
		for _, n := range c.All {
			n.Kill(t)
		}
		for _, l := range c.links {
			l.close()
		}
		if t.Failed() {
			for _, n := range c.All {
				n.tell(t)
			}
		}
	})
	c.Ready(t)
	return c
}

// URLs are the addresses of all nodes.
func (c *Nodes) URLs() string {
	var all []string
	for _, n := range c.All {
		all = append(all, n.URL)
	}
	return strings.Join(all, ",")
}

// Node is the one with the name.
func (c *Nodes) Node(t testing.TB, name string) *Node {
	t.Helper()
	for _, n := range c.All {
		if n.Name == name {
			return n
		}
	}
	t.Fatalf("no node is called %q", name)
	return nil
}

// configFile is the one that is deployed.
func configFile() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "deploy", "nats", "node.conf")
}

// With has the node use another configuration from its next start on: the deployed one, changed.
func (n *Node) With(t testing.TB, change func(config string) string) {
	t.Helper()
	text, err := os.ReadFile(configFile())
	if err != nil {
		t.Fatal(err)
	}
	changed := change(string(text))
	if changed == string(text) {
		t.Fatal("the configuration is as it was")
	}
	changed = strings.Replace(changed, "include permissions.conf", `include "`+n.Name+`-permissions.conf"`, 1)
	permissions, err := os.ReadFile(filepath.Join(filepath.Dir(configFile()), "permissions.conf"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(n.Dir)
	n.config = filepath.Join(dir, n.Name+".conf")
	if err := os.WriteFile(n.config, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, n.Name+"-permissions.conf"), permissions, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Start starts the node's process. It does not wait until it is ready.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	n.process = exec.Command(binary)
	n.process.Env = append(append(os.Environ(), n.env...), asNode+"="+n.config)
	n.process.Stdin, n.process.Stderr, n.hold = r, os.Stderr, w
	err = n.process.Start()
	r.Close()
	if err != nil {
		t.Fatal(err)
	}
}

// Kill ends the node's process as kill -9 does.
func (n *Node) Kill(t testing.TB) { n.end(t, syscall.SIGKILL) }

// Stop has the node shut down, and waits until it has.
func (n *Node) Stop(t testing.TB) { n.end(t, syscall.SIGTERM) }

func (n *Node) end(t testing.TB, how os.Signal) {
	t.Helper()
	if n.process == nil {
		return
	}
	if err := n.process.Process.Signal(how); err != nil {
		t.Errorf("%s: %v", n.Name, err)
	}
	_ = n.process.Wait() // the way it ended is what was asked for
	n.hold.Close()
	n.process = nil
}

// Pause takes the processor away from the node until Resume: its connections stay open.
func (n *Node) Pause(t testing.TB) { n.signal(t, pause) }

// Resume lets a paused node go on.
func (n *Node) Resume(t testing.TB) { n.signal(t, resume) }

func (n *Node) signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := n.process.Process.Signal(s); err != nil {
		t.Fatalf("%s: %v", n.Name, err)
	}
}

// Wipe takes everything from the disk of a node that does not run.
func (n *Node) Wipe(t testing.TB) {
	t.Helper()
	if err := os.RemoveAll(n.Dir); err != nil {
		t.Fatal(err)
	}
}

// tell puts the end of the node's log into the test's.
func (n *Node) tell(t testing.TB) {
	text, err := os.ReadFile(n.log)
	if err != nil {
		t.Log(err)
		return
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	t.Logf("the end of %s's log:\n%s", n.Name, strings.Join(lines[max(0, len(lines)-25):], "\n"))
}

// startTime is how long nodes may take until they are ready.
const startTime = 60 * time.Second

// FreePorts are ports of this machine that nobody listens on. They are below those that the system gives out by
// itself, so that nobody is given one while the server that it is for is down.
func FreePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for range 1000 {
		if len(ports) == n {
			return ports
		}
		port := 10_000 + rand.IntN(20_000)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			defer l.Close()
			ports = append(ports, port)
		}
	}
	t.Fatalf("only %d of %d ports are free", len(ports), n)
	return nil
}
