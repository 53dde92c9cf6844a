//go:build faults && linux

package simulation

import (
	"flag"
	"os"
	"testing"
)

// defectsAtATime is how many planted defects are tried at a time: some of them show by nothing happening.
const defectsAtATime = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", defectsAtATime); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
