package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// passwordHelp says how a password is given. Never as an argument: those are there for everybody to see.
const passwordHelp = `At a terminal the password is asked for twice and not shown. Otherwise it is the first line of the standard input.
It is at least 12 characters long; spaces and any letters are good.`

// newPassword reads a new password.
func newPassword() (string, error) {
	in := int(os.Stdin.Fd())
	if !term.IsTerminal(in) {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.Join(errors.New("no password on the standard input"), err)
		}
		return line, nil
	}
	first, err := prompt(in, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := prompt(in, "The same again: ")
	if err == nil && first != second {
		err = errors.New("the two passwords differ")
	}
	return first, err
}

// prompt asks at the terminal, without echo.
func prompt(in int, prompt string) (string, error) {
	fmt.Fprint(os.Stderr, prompt)
	answer, err := term.ReadPassword(in)
	fmt.Fprintln(os.Stderr)
	return string(answer), err
}
