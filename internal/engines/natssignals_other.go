//go:build !unix

package engines

import (
	"os"
	"testing"
)

func freezeNATS(t testing.TB, _ *os.Process) {
	t.Helper()
	t.Skip("this system can't freeze a process")
}

func thawNATS(testing.TB, *os.Process) {}
