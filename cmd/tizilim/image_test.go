package main

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/adapters/tooltest"
)

// instruction is a line of a Dockerfile.
type instruction struct {
	name, args string
	stage      int // 0 for the first
}

// dockerfile reads the Dockerfile.
func dockerfile(t *testing.T) (all []instruction) {
	t.Helper()
	text, err := os.ReadFile(top + "Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stage := -1
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, args, _ := strings.Cut(line, " ")
		if name == "FROM" {
			stage++
		}
		all = append(all, instruction{name, args, stage})
	}
	return all
}

// of are the arguments of the instructions with the name, in the stage.
func of(all []instruction, stage int, name string) (args []string) {
	for _, i := range all {
		if i.stage == stage && i.name == name {
			args = append(args, i.args)
		}
	}
	return args
}

// TestDockerfile: the image is of a pinned compiler, holds no shell, and runs as nobody in particular.
func TestDockerfile(t *testing.T) {
	all := dockerfile(t)
	if from := of(all, 0, "FROM"); !regexp.MustCompile(`^golang:1\.26\.[0-9]+-alpine AS build$`).MatchString(strings.Join(from, ";")) {
		t.Errorf("built in %q", from)
	}
	if from := of(all, 1, "FROM"); !slices.Equal(from, []string{"scratch"}) || all[len(all)-1].stage != 1 {
		t.Errorf("the image is from %q", from)
	}
	if user := of(all, 1, "USER"); len(user) != 1 || !regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`).MatchString(user[0]) {
		t.Errorf("user %q", user)
	}
	if run, add := of(all, 1, "RUN"), of(all, 1, "ADD"); len(run)+len(add) > 0 {
		t.Errorf("there is nothing to run with in the image: %q, %q", run, add)
	}
	for _, name := range []string{"ENTRYPOINT", "CMD"} {
		if args := of(all, 1, name); len(args) != 1 || json.Unmarshal([]byte(args[0]), new([]string)) != nil {
			t.Errorf("%s %q needs a shell", name, args)
		}
	}
	if check := of(all, 1, "HEALTHCHECK"); len(check) != 1 || !strings.HasSuffix(check[0], ` CMD ["/tizilim", "health"]`) {
		t.Errorf("health check %q", check)
	}
	known := settings(t, "serve")
	for _, env := range strings.Fields(strings.Join(of(all, 1, "ENV"), " ")) {
		if name, _, _ := strings.Cut(env, "="); strings.HasPrefix(name, "TIZILIM_") && known[name] == nil {
			t.Errorf("serve does not know %s", name)
		}
	}
}

// TestDockerfileHasWhatIsBuilt: every package of the program comes into the build, and .dockerignore lets it in.
func TestDockerfileHasWhatIsBuilt(t *testing.T) {
	text, err := os.ReadFile(top + ".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	ignore := strings.Split(string(text), "\n")
	copied := map[string]bool{}
	for _, args := range of(dockerfile(t), 0, "COPY") {
		words := strings.Fields(args)
		for _, source := range words[:len(words)-1] {
			copied[source] = true
			if _, err := os.Stat(top + source); err != nil || !slices.Contains(ignore, "!"+source) {
				t.Errorf("COPY %s: %v; let in by .dockerignore: %v", source, err, slices.Contains(ignore, "!"+source))
			}
		}
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if .Module}}{{if .Module.Main}}{{.ImportPath}}{{range .EmbedFiles}} {{.}}{{end}}{{end}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		packages++
		folder, _, _ := strings.Cut(strings.TrimPrefix(words[0], "github.com/tizilim/tizilim/"), "/")
		if !copied[folder] {
			t.Errorf("%s is not copied into the build", words[0])
		}
		for _, file := range words[1:] {
			if strings.Contains(path.Join(words[0], file), "testdata") {
				t.Errorf("%s needs %s, which .dockerignore leaves out", words[0], file)
			}
		}
	}
	if packages < 30 {
		t.Errorf("only %d packages", packages)
	}
}

// image is a folder with what the Dockerfile puts into the image, and nothing else.
type image struct {
	t      *testing.T
	root   string
	ids    string   // user:group
	env    []string // of the image
	mounts [][2]string
}

// newImage builds the program as the Dockerfile says, and lays it out.
func newImage(t *testing.T) *image {
	t.Helper()
	all := dockerfile(t)
	i := &image{t: t, root: t.TempDir(), ids: of(all, 1, "USER")[0]}
	for _, set := range of(all, 1, "ENV") {
		i.env = append(i.env, strings.Fields(set)...)
	}
	for _, run := range of(all, 0, "RUN") {
		switch words := strings.Fields(run); {
		case strings.Contains(run, "go build"):
			cmd := exec.Command("sh", "-c", strings.ReplaceAll(run, "-o /tizilim", "-o "+filepath.Join(i.root, "tizilim")))
			cmd.Dir = top
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", run, err, out)
			}
		case words[0] == "mkdir":
			for _, folder := range words[2:] {
				i.folder(strings.TrimPrefix(folder, "/folders"))
			}
		}
	}
	return i
}

// folder makes a folder of the image's user.
func (i *image) folder(name string) {
	i.t.Helper()
	var user, group int
	_, err := fmt.Sscanf(i.ids, "%d:%d", &user, &group)
	if err == nil {
		err = os.MkdirAll(filepath.Join(i.root, name), 0o755)
	}
	if err == nil {
		err = os.Chown(filepath.Join(i.root, name), user, group)
	}
	if err != nil {
		i.t.Fatal(err)
	}
}

// volume puts a folder where the container has a volume.
func (i *image) volume(target string) (source string) {
	i.t.Helper()
	source = i.t.TempDir()
	var user, group int
	_, err := fmt.Sscanf(i.ids, "%d:%d", &user, &group)
	if err == nil {
		err = os.Chown(source, user, group)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(i.root, target), 0o755)
	}
	if err != nil {
		i.t.Fatal(err)
	}
	i.mounts = append(i.mounts, [2]string{source, target})
	return source
}

// run is the program in the image: its root is the image and cannot be written to, only its volumes can; its user
// is the image's.
func (i *image) run(env []string, args ...string) *exec.Cmd {
	script := `set -e
mount --bind "$ROOT" "$ROOT"
while read -r source target; do mount --bind "$source" "$ROOT$target"; done <<END
$MOUNTS
END
mount -o remount,bind,ro "$ROOT"
IDS=$IDS ROOT=$ROOT
exec chroot --userspec="$IDS" --groups= "$ROOT" /tizilim "$@"`
	var mounts strings.Builder
	for _, m := range i.mounts {
		fmt.Fprintf(&mounts, "%s %s\n", m[0], m[1])
	}
	cmd := exec.Command("unshare", append([]string{"--mount", "--", "sh", "-c", script, "sh"}, args...)...)
	cmd.Env = slices.Concat(i.env, env, []string{"PATH=" + os.Getenv("PATH"), "ROOT=" + i.root, "IDS=" + i.ids, "MOUNTS=" + strings.TrimSpace(mounts.String())})
	return cmd
}

// isolates reports whether a process can have mounts of its own here.
func isolates() bool {
	return os.Geteuid() == 0 && exec.Command("unshare", "--mount", "--", "mount", "-t", "tmpfs", "none", "/mnt").Run() == nil
}

// TestImage builds the program as the image has it and runs it as the service single of docker-compose.yml does: with
// nothing beside it, a root that cannot be written to, and as a user who owns nothing but the volume.
func TestImage(t *testing.T) {
	if os.Getenv("TIZILIM_REQUIRE_IMAGE") != "1" {
		tooltest.Missing(t, "IMAGE", "the program as the image has it: building it takes minutes")
	}
	if !isolates() {
		t.Fatal("this needs root, and mounts of its own")
	}
	i := newImage(t)
	static(t, filepath.Join(i.root, "tizilim"))
	data, config := i.volume("/data"), i.volume("/config")
	a, err := authority.Open(authority.Config{Dir: filepath.Join(t.TempDir(), "authority"), URL: "http://127.0.0.1:1", Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = os.CopyFS(filepath.Join(config, "trust"), os.DirFS(a.TrustDir()))
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(config, "payments-secret"), []byte("0123456789abcdef0123456789abcdef"), 0o644)
	}
	if out, failed := exec.Command("chown", "-R", i.ids, config).CombinedOutput(); err != nil || failed != nil {
		t.Fatal(err, failed, string(out))
	}
	env := []string{fmt.Sprintf("TIZILIM_LISTEN=127.0.0.1:%d", natstest.FreePorts(t, 1)[0])}
	for name, value := range composed(t, "single", inEnv...).Services["single"].Environment {
		if name != "TIZILIM_LISTEN" { // the network is this machine's
			env = append(env, name+"="+*value)
		}
	}
	if out, err := i.run(env, "health").CombinedOutput(); err == nil {
		t.Errorf("healthy before it is started: %s", out)
	}
	if out, err := i.run(env, "keys", "/elsewhere").CombinedOutput(); err == nil || !strings.Contains(string(out), "read-only file system") {
		t.Errorf("the root can be written to: %v %s", err, out)
	}
	server := i.run(env, "serve")
	var said strings.Builder
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill() }) // it has ended already where all went well
	var out []byte
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) { // as a health check asks
		if out, err = i.run(env, "health").CombinedOutput(); err == nil {
			break
		}
	}
	if err != nil {
		t.Errorf("not healthy: %v %s", err, out)
	}
	add := i.run(env, "users", "add", "admin", "--name", "Admin", "--role", "admin")
	add.Stdin = strings.NewReader("Темір тұлпар 2026\n")
	if out, err := add.CombinedOutput(); err != nil {
		t.Errorf("users add: %v %s", err, out)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("stopped: %v: %s", err, said.String())
	}
	if _, err := os.Stat(filepath.Join(data, "log")); err != nil {
		t.Errorf("the volume has no log: %v: %s", err, said.String())
	}
}

// static makes sure that the program needs no other file to be loaded.
func static(t *testing.T, name string) {
	t.Helper()
	program, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program asks for an interpreter")
		}
	}
	if libraries, err := program.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Errorf("the program needs %v", libraries)
	}
}
