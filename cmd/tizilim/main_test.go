package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
)

// asTizilim makes the test binary be the program: for tests that need a process of their own.
const asTizilim = "TIZILIM_TEST_PROCESS"

func TestMain(m *testing.M) {
	natstest.Main()
	if os.Getenv(asTizilim) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	if dir := os.Getenv(writesFor); dir != "" {
		fmt.Fprintln(os.Stderr, writeOn(dir))
		os.Exit(1)
	}
	testscript.Main(m, map[string]func(){
		"tizilim": func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the command line as its users do; the scripts in testdata/script are the cases.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			log, err := os.ReadFile("testdata/events.jsonl")
			if err != nil {
				return err
			}
			return os.WriteFile(env.WorkDir+"/events.jsonl", log, 0o600)
		},
	})
}
