package load

import (
	"fmt"
	"io"
	"time"
)

const progressEvery = 2 * time.Second

// progress writes a line every two seconds while something goes on.
type progress struct {
	out  io.Writer
	what string
	next time.Time
}

func newProgress(out io.Writer, what string) *progress {
	return &progress{out: out, what: what, next: time.Now().Add(progressEvery)}
}

// report writes a line, if it is time for one.
func (p *progress) report(format string, arguments ...any) {
	if p.out == nil || time.Now().Before(p.next) {
		return
	}
	p.next = time.Now().Add(progressEvery)
	fmt.Fprintf(p.out, "%s: %s\n", p.what, fmt.Sprintf(format, arguments...))
}
