// Command tizilim is the whole licensing registry in one binary.
//
//	tizilim demo          everything on one machine, with sample data, nothing else installed
//	tizilim serve         production
//	tizilim users         accounts, roles, API tokens, sessions, the access log
//	tizilim regulations   the acts as data
//	tizilim replay        a history, event by event
//	tizilim export/import the whole event log as a text file
//	tizilim join          a node of a cluster that serves nobody
//	tizilim rebuild       read models, anew from the log
//	tizilim restore       a log that lost something
//	tizilim sign          a file's signature
//	tizilim ncalayer      a stand-in for NCALayer, to sign in the browser with demo keys
//	tizilim verify        signatures, the evidence of those that were judged before, and the event log
//	tizilim bench         what this machine gives
//	tizilim keys          certificates for the servers of a cluster
//	tizilim health        whether a server is ready
//
// Read main.go (the command line), then wire.go (how the parts are put together), then a command's
// own file. The settings of a server are also environment variables: --data is TIZILIM_DATA. What is
// asked of one command alone is not.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the command line.
type commands struct {
	Demo        demoCmd        `cmd:"" help:"Run everything on this machine, with sample applications and accounts of every role."`
	Serve       serveCmd       `cmd:"" help:"Run the registry."`
	Users       usersCmd       `cmd:"" help:"Manage the accounts: who may log in, in which roles, and who looked at whose data."`
	Regulations regulationsCmd `cmd:"" help:"Show the acts, services and procedures as data."`
	Replay      replayCmd      `cmd:"" help:"Print the history of a license or an application, event by event, with the state after each."`
	Calendar    calendarCmd    `cmd:"" help:"Show the working days, and count terms on them, day by day, with the reason of each day."`
	Export      exportCmd      `cmd:"" help:"Write the whole event log as a text file, one commit a line."`
	Import      importCmd      `cmd:"" help:"Check such a file and put it into an empty log."`
	Join        joinCmd        `cmd:"" help:"Take a node's part in keeping the log of a cluster, and serve nobody."`
	Rebuild     rebuildCmd     `cmd:"" help:"Build read models anew from the log, beside the old ones, and put them in their place."`
	Restore     restoreCmd     `cmd:"" help:"Say what the event log has lost, and go on without it where that is declared."`
	Sign        signCmd        `cmd:"" help:"Sign a file with a key of one's own."`
	NCALayer    ncalayerCmd    `cmd:"" name:"ncalayer" help:"Stand in for NCALayer: sign in the browser with demo keys."`
	Verify      verifyCmd      `cmd:"" help:"Check signatures, the evidence of signatures that were checked before, and the event log."`
	Bench       benchCmd       `cmd:"" help:"Measure what this machine gives."`
	Keys        keysCmd        `cmd:"" help:"Make the certificates by which the servers of a cluster know each other."`
	Health      healthCmd      `cmd:"" help:"Ask a server whether it is ready."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run carries out one command line and returns the exit code: 0 done, 1 failed, 2 not understood.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parser, err := kong.New(&commands{},
		kong.Name("tizilim"),
		kong.Description("An event-sourced licensing registry."),
		kong.DefaultEnvars("TIZILIM"),
		kong.ValueFormatter(withDefault),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(stdout, stderr),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(stdout, (*io.Writer)(nil)),
	)
	if err != nil {
		fmt.Fprintln(stderr, "tizilim:", err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "tizilim: %v\nTry: tizilim --help\n", err)
		return 2
	}
	if err := parsed.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "tizilim:", err)
		return 1
	}
	return 0
}

// withDefault tells of a flag what holds without it, which its placeholder would hide.
func withDefault(v *kong.Value) string {
	text := kong.DefaultHelpValueFormatter(v)
	if !v.HasDefault || v.Flag == nil || v.Flag.PlaceHolder == "" {
		return text
	}
	if help, env, found := strings.Cut(text, " ($"); found {
		return help + " (default " + v.Default + ", $" + env
	}
	return strings.TrimSuffix(text, ".") + " (default " + v.Default + ")."
}

// dataFlag is where a command finds the registry's data.
type dataFlag struct {
	Data   string `default:"tizilim-data" placeholder:"DIR" help:"Folder of the registry's data."`
	Shared string `placeholder:"DIR" help:"Folder with the accounts, documents and acts, which the nodes of one machine share; they are in the data folder where left out."`
}
