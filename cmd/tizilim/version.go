package main

import (
	"fmt"
	"io"
	"runtime/debug"
)

// versionCmd prints which build this is.
type versionCmd struct{}

// Run prints one line: version, revision where the build knows it, and the Go release.
func (versionCmd) Run(out io.Writer) error {
	_, err := fmt.Fprintln(out, version())
	return err
}

// version is read from what the Go tool writes into every build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "tizilim (unknown build)"
	}
	text := "tizilim " + info.Main.Version
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			text += " " + s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			text += " modified"
		}
	}
	return text + " " + info.GoVersion
}
