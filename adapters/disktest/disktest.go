// Package disktest makes disks of their own for tests, which can be cut off or filled up without harm to the
// machine's. It needs Linux and root; where that is missing the test says what was not tried (package
// tooltest), and is skipped.
package disktest
