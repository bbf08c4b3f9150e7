// Package tooltest finds what a test has besides the repository: programs that give a second opinion, and
// what else not every machine has. Where that is missing the test is skipped, and says what was not tried;
// where it is required, with TIZILIM_REQUIRE_NAME=1 in the environment, the test fails.
package tooltest

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// Program is the path of the first of the programs that is installed. Without any, untested says what
// went without a test.
func Program(t testing.TB, requirement, untested string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Missing(t, requirement, untested+": there is no "+strings.Join(names, " or "))
	return ""
}

// Missing skips the test, or fails it where TIZILIM_REQUIRE_ and the name of the requirement is set.
func Missing(t testing.TB, requirement, untested string) {
	t.Helper()
	variable := "TIZILIM_REQUIRE_" + requirement
	if os.Getenv(variable) == "1" {
		t.Fatalf("%s, and %s=1 requires it", untested, variable)
	}
	t.Skipf("NOT TESTED: %s; %s=1 makes this a failure", untested, variable)
}

// Long leaves the test out of the short run, go test -short, because of what it takes, and says so. Every other
// run has it.
func Long(t testing.TB, what string) {
	t.Helper()
	if testing.Short() {
		t.Skipf("LEFT OUT OF THE SHORT RUN: it %s; without -short it is run", what)
	}
}

// Rounds is how many crashes a test makes: so many as TIZILIM_CRASH_ROUNDS says, a few without it, and one
// in the short run.
func Rounds(t testing.TB, few int) int {
	t.Helper()
	if v := os.Getenv("TIZILIM_CRASH_ROUNDS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			t.Fatalf("TIZILIM_CRASH_ROUNDS=%q is no number of rounds: %v", v, err)
		}
		return n
	}
	if testing.Short() {
		return 1
	}
	return few
}
