// Package tooltest finds what a test has besides the repository: programs that give a second opinion, and
// what else not every machine has. Where that is missing the test is skipped, and says what was not tried;
// where it is required, with TIZILIM_REQUIRE_NAME=1 in the environment, the test fails.
package tooltest

import (
	"os"
	"os/exec"
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
