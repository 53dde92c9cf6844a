package cluster

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/spokehub/spokehub/fanout/fanouttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, fanouttest.GoleakOptions()...) }
