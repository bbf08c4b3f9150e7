package main

import (
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const top = "../../"

// inEnv is what an operator has in .env.
var inEnv = []string{
	"TIZILIM_REGISTERS_URL=https://registers.example.kz", "TIZILIM_PAYMENTS_URL=https://payments.example.kz", "TIZILIM_CONFIG=/etc/tizilim",
}

// composed reads docker-compose.yml as compose itself does, with one profile.
func composed(t *testing.T, profile string, env ...string) *types.Project {
	t.Helper()
	project, err := readCompose(t, profile, env...)
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func readCompose(t *testing.T, profile string, env ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{top + "docker-compose.yml"}, cli.WithEnv(env), cli.WithProfiles([]string{profile}))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

// TestComposeProfiles: each profile is what its name says, and stands by itself.
func TestComposeProfiles(t *testing.T) {
	around := []string{"grafana", "keys", "prometheus", "proxy"}
	for profile, want := range map[string][]string{
		"cluster":      append([]string{"nats-1", "nats-2", "nats-3", "tizilim-1", "tizilim-2"}, around...),
		"eventstoredb": append([]string{"eventstoredb", "eventstoredb-tizilim-1", "eventstoredb-tizilim-2"}, around...),
		"single":       {"single"},
	} {
		project := composed(t, profile, inEnv...)
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(project.Services)); !slices.Equal(got, want) {
			t.Errorf("profile %s: %v, want %v", profile, got, want)
		}
	}
	if project := composed(t, "", inEnv...); len(project.Services) != 0 {
		t.Errorf("without a profile: %v", project.ServiceNames())
	}
	for i, left := range inEnv {
		name, _, _ := strings.Cut(left, "=")
		if _, err := readCompose(t, "single", slices.Delete(slices.Clone(inEnv), i, i+1)...); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

// services are those of all profiles.
func services(t *testing.T) types.Services {
	t.Helper()
	all := composed(t, "*", inEnv...).Services
	if len(all) != 13 {
		t.Fatalf("%d services", len(all))
	}
	return all
}

var pinned = regexp.MustCompile(`^[a-z0-9/]+:[0-9v]+\.[0-9]+\.[0-9]+(-[a-z]+)?$`)

// TestComposeServices: what holds for every container.
func TestComposeServices(t *testing.T) {
	for name, s := range services(t) {
		own := s.Image == "tizilim:local"
		if own != (s.Build != nil) || !own && !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %q, built: %v", name, s.Image, s.Build != nil)
		}
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.Privileged || len(s.CapAdd) > 0 {
			t.Errorf("%s: read only %v, without %v, with %v, %v", name, s.ReadOnly, s.CapDrop, s.CapAdd, s.SecurityOpt)
		}
		if user, _, _ := strings.Cut(s.User, ":"); !regexp.MustCompile(`^[1-9][0-9]*$`).MatchString(user) {
			t.Errorf("%s: user %q", name, s.User)
		}
		if once := s.Restart == "no"; once != (name == "keys") || !once && s.Restart != "unless-stopped" {
			t.Errorf("%s: restart %q", name, s.Restart)
		}
		if h := s.HealthCheck; name != "keys" && (h == nil || h.Disable || len(h.Test) < 2 || h.Test[0] != "CMD" || h.Interval == nil || h.Timeout == nil || h.Retries == nil) {
			t.Errorf("%s: health check %+v", name, h)
		}
		if own && name != "keys" && !slices.Equal(s.HealthCheck.Test, []string{"CMD", "/tizilim", "health"}) {
			t.Errorf("%s: health check %v", name, s.HealthCheck.Test)
		}
	}
}

// TestComposePorts: only the proxy is there for everybody.
func TestComposePorts(t *testing.T) {
	published := map[string]string{"proxy": "8443", "single": "127.0.0.1:8080", "grafana": "127.0.0.1:3000", "prometheus": "127.0.0.1:9090"}
	for name, s := range services(t) {
		var got []string
		for _, p := range s.Ports {
			got = append(got, strings.TrimPrefix(net.JoinHostPort(p.HostIP, p.Published), ":"))
		}
		if want := published[name]; strings.Join(got, " ") != want {
			t.Errorf("%s is published at %v, want %q", name, got, want)
		}
		for network := range s.Networks {
			if network == "log" && len(s.Ports) > 0 {
				t.Errorf("%s is published and on the network of the log", name)
			}
		}
	}
}

// TestComposeVolumes: files of the repository are there, and not to be written to; what a container may write to is
// a volume that no other one has, but for what is shared.
func TestComposeVolumes(t *testing.T) {
	root, err := filepath.Abs(top)
	if err != nil {
		t.Fatal(err)
	}
	users := map[string][]string{}
	for name, s := range services(t) {
		for _, v := range s.Volumes {
			switch {
			case v.Type == types.VolumeTypeVolume && !v.ReadOnly:
				users[v.Source] = append(users[v.Source], name)
			case v.Type == types.VolumeTypeVolume:
			case !v.ReadOnly:
				t.Errorf("%s may write to %s", name, v.Source)
			case v.Source == "/etc/tizilim":
				if v.Bind == nil || bool(v.Bind.CreateHostPath) {
					t.Errorf("%s: a folder that is not there would be made", name)
				}
			default:
				_, err := os.Stat(v.Source)
				if err != nil || !strings.HasPrefix(v.Source, filepath.Join(root, "deploy")) {
					t.Errorf("%s mounts %s: %v", name, v.Source, err)
				}
			}
		}
	}
	for volume, by := range users {
		slices.Sort(by)
		switch {
		case volume == "shared":
			if len(by) != 4 {
				t.Errorf("volume %s is written to by %v", volume, by)
			}
		case strings.HasPrefix(volume, "nats-"):
			if !slices.Equal(by, []string{"keys", volume}) {
				t.Errorf("volume %s is written to by %v", volume, by)
			}
		case len(by) != 1:
			t.Errorf("volume %s is written to by %v", volume, by)
		}
	}
}

var hosts = regexp.MustCompile(`\b([a-z][a-z0-9-]*):[0-9]{4}\b`)

// TestComposeNames: in each profile, whoever is told of a host is on a network where one has that name.
func TestComposeNames(t *testing.T) {
	told := map[string][]string{ // files that containers are given
		"prometheus": {top + "deploy/prometheus/prometheus.yml"}, "grafana": {top + "deploy/grafana/provisioning/datasources/tizilim.yml"},
	}
	for _, profile := range []string{"cluster", "eventstoredb"} {
		project, found := composed(t, profile, inEnv...), 0
		for name, s := range project.Services {
			text := ""
			for _, value := range s.Environment {
				text += *value + "\n"
			}
			for _, file := range told[name] {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				text += string(content)
			}
			for _, host := range hosts.FindAllStringSubmatch(text, -1) {
				if found++; host[1] != "localhost" && !named(project, s, host[1]) {
					t.Errorf("%s: %s finds nobody at %s", profile, name, host[0])
				}
			}
		}
		if found < 8 {
			t.Errorf("%s: only %d hosts: the search is broken", profile, found)
		}
	}
	project := composed(t, "cluster", inEnv...)
	if front := project.Networks["front"].Ipam.Config[0].Subnet; front != *project.Services["tizilim-1"].Environment["TIZILIM_TRUSTED_PROXIES"] {
		t.Errorf("proxies are trusted elsewhere than in %s", front)
	}
}

// named reports whether a service has the name on a network that the given one is on too.
func named(project *types.Project, from types.ServiceConfig, host string) bool {
	for network := range from.Networks {
		for name, s := range project.Services {
			at, there := s.Networks[network]
			if there && (name == host || at != nil && slices.Contains(at.Aliases, host)) {
				return true
			}
		}
	}
	return false
}

// settings are the environment variables that a command knows.
func settings(t *testing.T, command string) map[string]*kong.Flag {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.DefaultEnvars("TIZILIM"), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]*kong.Flag{}
	for _, node := range parser.Model.Children {
		if node.Name != command {
			continue
		}
		for _, flag := range node.Flags {
			for _, env := range flag.Envs {
				known[env] = flag
			}
		}
	}
	return known
}

// TestComposeSettings: the registry knows every setting, and can be started with them.
func TestComposeSettings(t *testing.T) {
	known := settings(t, "serve")
	if known["TIZILIM_NATS_CA"] == nil || len(known) < 30 {
		t.Fatalf("serve knows %d settings", len(known))
	}
	nodes := 0
	for name, s := range services(t) {
		if !slices.Equal(s.Command, []string{"serve"}) {
			continue
		}
		nodes++
		for env, value := range s.Environment {
			switch {
			case known[env] == nil:
				t.Errorf("%s: serve does not know %s", name, env)
			case value == nil || *value == "":
				t.Errorf("%s: %s is empty", name, env)
			}
		}
		for env, flag := range known {
			if flag.Required && s.Environment[env] == nil {
				t.Errorf("%s: %s is missing", name, env)
			}
		}
	}
	if nodes != 5 {
		t.Errorf("%d nodes", nodes)
	}
}
