//go:build linux

package bench

import (
	"fmt"
	"os"
	"runtime"
)

// progressLines writes progress to stderr without tearing a benchmark's line apart. The testing package prints a benchmark's name
// before it runs it again for -count, and go test joins stderr and stdout; so then the name is printed once more behind the last line.
type progressLines struct {
	name  string
	after bool
	wrote bool
}

// Write implements io.Writer.
func (p *progressLines) Write(line []byte) (int, error) {
	if p.after && !p.wrote && joined() {
		fmt.Fprintln(os.Stderr)
	}
	p.wrote = true
	return os.Stderr.Write(line)
}

func (p *progressLines) finish() {
	if p.after && p.wrote && joined() {
		fmt.Printf("%s-%d\t", p.name, runtime.GOMAXPROCS(0))
	}
}

// joined reports whether stderr goes where stdout goes.
func joined() bool {
	out, err := os.Stdout.Stat()
	if err != nil {
		return false
	}
	other, err := os.Stderr.Stat()
	return err == nil && os.SameFile(out, other)
}
