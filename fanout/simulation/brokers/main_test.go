package brokers

import (
	"flag"
	"os"
	"testing"
)

// worlds is how many clusters are tested at a time: each waits most of the time.
const worlds = "5"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", worlds); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
