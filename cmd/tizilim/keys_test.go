package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"

	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
	"github.com/tizilim/tizilim/adapters/tooltest"
)

// composedKeys makes the files that the service keys of docker-compose.yml makes, and one more certificate for a
// server at the address of these tests.
func composedKeys(t *testing.T, more ...string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "keys")
	args := append(append([]string{}, composed(t, "cluster", inEnv...).Services["keys"].Command...), more...)
	if args[0] != "keys" || args[1] != "/keys" {
		t.Fatalf("keys is called with %v", args)
	}
	args[1] = dir
	out, code := command(args...)
	if code != 0 {
		t.Fatalf("%v: %d %s", args, code, out)
	}
	if again, code := command(args...); code != 0 || again != "" {
		t.Errorf("the second time: %d %s", code, again)
	}
	return dir
}

// TestComposeKeys: the files that the containers are told of are made, and are nobody else's.
func TestComposeKeys(t *testing.T) {
	dir, found := composedKeys(t), 0
	for name, s := range services(t) {
		for env, value := range s.Environment {
			if file, ok := strings.CutPrefix(*value, "/keys/"); ok {
				found++
				if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %s=%s: %v", name, env, *value, err)
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d files: the search is broken", found)
	}
}

// TestKeys: what nears its end, lost its key, or has to have another name is made anew, and nothing else. An
// authority is never replaced.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	made := func(want int, args ...string) []string {
		t.Helper()
		out, code := command(append([]string{"keys", dir}, args...)...)
		lines := strings.FieldsFunc(out, func(r rune) bool { return r == '\n' })
		if code != 0 || len(lines) != want {
			t.Errorf("%v: %d, %d lines instead of %d: %s", args, code, len(lines), want, out)
		}
		return lines
	}
	made(4, "--server", "a", "--server", "b", "--client", "tizilim")
	made(0, "--server", "a", "--server", "b", "--client", "tizilim")
	made(1, "--server", "a", "--server", "c")
	made(2, "--site", "localhost")
	made(1, "--site", "localhost", "--site", "licenses.example.kz")
	if err := os.Remove(file("a-key.pem")); err != nil {
		t.Fatal(err)
	}
	made(1, "--server", "a")
	if got := made(1, "--server", "a", "--life", "3000"); len(got) == 1 && !strings.Contains(got[0], time.Now().Add(3000*24*time.Hour).Format(time.DateOnly)) {
		t.Errorf("a good certificate that is near its end by a longer life: %v", got)
	}

	if err := os.Rename(file("ca-key.pem"), file("elsewhere")); err != nil {
		t.Fatal(err)
	}
	made(0, "--server", "b")
	for _, tt := range []struct{ args, want string }{
		{"--server d", "bring the authority's key back"},
		{"--server ../d", "small letters"},
		{"--server ca", "none of ca"},
		{"--server a-key", "none that ends in -key"},
		{"--client a-both", "none that ends in -key or -both"},
		{"--server d --client d", "none twice"},
		{"--life 0", "at least a day"},
	} {
		if out, code := command(append([]string{"keys", dir}, strings.Fields(tt.args)...)...); code != 1 || !strings.Contains(out, tt.want) {
			t.Errorf("%s: %d %s", tt.args, code, out)
		}
	}
	if err := os.Rename(file("elsewhere"), file("ca-key.pem")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file("ca.pem")); err != nil {
		t.Fatal(err)
	}
	if out, code := command("keys", dir, "--server", "a"); code != 1 || !strings.Contains(out, "to begin with another one, remove") {
		t.Errorf("without the authority's certificate: %d %s", code, out)
	}
}

// TestComposeNATS runs the three nodes of docker-compose.yml, with the settings and the keys that they have
// there, and has the registry write to them and read again. Only addresses are this machine's.
func TestComposeNATS(t *testing.T) {
	tooltest.Long(t, "starts three servers")
	const here = "127.0.0.1"
	project := composed(t, "cluster", inEnv...)
	keys, ports := composedKeys(t, "--server="+here), natstest.FreePorts(t, 9)
	var moved []string
	for i := range 3 {
		moved = append(moved, fmt.Sprintf("nats-%d:4222", i+1), fmt.Sprintf("%s:%d", here, ports[3*i]), fmt.Sprintf("nats-%d:6222", i+1), fmt.Sprintf("%s:%d", here, ports[3*i+1]))
	}
	var nodes []*nats.Server
	for i := range 3 {
		name := fmt.Sprintf("nats-%d", i+1)
		own := strings.NewReplacer(append(moved, "0.0.0.0:4222", fmt.Sprintf("%s:%d", here, ports[3*i]), "0.0.0.0:6222", fmt.Sprintf("%s:%d", here, ports[3*i+1]),
			"127.0.0.1:8222", fmt.Sprintf("%s:%d", here, ports[3*i+2]), "/keys/"+name, filepath.Join(keys, here), "/keys/", keys+"/", "/store", t.TempDir())...)
		for env, value := range project.Services[name].Environment {
			t.Setenv(env, own.Replace(*value))
		}
		options, err := nats.ProcessConfigFile(top + "deploy/nats/node.conf")
		if err != nil {
			t.Fatal(err)
		}
		options.NoSigs, options.NoLog = true, true
		node, err := nats.NewServer(options)
		if err != nil {
			t.Fatal(err)
		}
		node.Start()
		t.Cleanup(func() { node.Shutdown(); node.WaitForShutdown() })
		nodes = append(nodes, node)
	}
	for _, node := range nodes {
		if !node.ReadyForConnections(time.Minute) {
			t.Fatalf("%s is not ready", node.Name())
		}
	}
	var flags []string
	settings, place := project.Services["tizilim-1"].Environment, strings.NewReplacer(append(moved, "/keys/", keys+"/")...)
	for _, env := range []string{"TIZILIM_NATS", "TIZILIM_NATS_CA", "TIZILIM_NATS_CERT", "TIZILIM_NATS_KEY"} {
		flag := "--" + strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(env, "TIZILIM_"), "_", "-"))
		flags = append(flags, flag, place.Replace(*settings[env]))
	}
	data := filepath.Join(t.TempDir(), "data")
	if out, code := command(append([]string{"import", "testdata/events.jsonl", "--data", data}, flags...)...); code != 0 {
		t.Fatalf("import: %d %s", code, out)
	}
	out, code := command(append([]string{"export", "--data", data}, flags...)...)
	if want, err := os.ReadFile("testdata/events.jsonl"); err != nil || code != 0 || out != string(want) {
		t.Errorf("export: %d %v %.200s", code, err, out)
	}
}
