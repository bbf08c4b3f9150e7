//go:build unix

package natstest

import "syscall"

const pause, resume = syscall.SIGSTOP, syscall.SIGCONT
