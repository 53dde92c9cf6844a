//go:build linux

package server

import (
	"os"
	"testing"
	"time"

	"github.com/prometheus/procfs"
)

func TestReadCPUOfThisProcessGrows(t *testing.T) {
	before, err := ReadCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Millisecond); time.Now().Before(deadline); {
	}
	after, err := ReadCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after.Whole <= before.Whole {
		t.Errorf("got %v after %v, want more", after.Whole, before.Whole)
	}
}

func TestOnlySocketSlabsCount(t *testing.T) {
	slabs := procfs.SlabInfo{Slabs: []*procfs.Slab{
		{Name: "TCP", ObjActive: 10, ObjNum: 13, ObjSize: 2368}, {Name: "filp", ObjActive: 3, ObjNum: 21, ObjSize: 192}, {Name: "other", ObjActive: 9, ObjSize: 9},
	}}
	if got, want := sumSlabs(slabs), int64(10*2368+3*192); got != want {
		t.Errorf("got %d bytes of slabs, want %d", got, want)
	}
}

func TestThisMachinesTablesAreRead(t *testing.T) {
	kernel, err := ReadKernel()
	if err != nil || kernel.Slabs <= 0 {
		t.Errorf("got %+v and %v, want slabs", kernel, err)
	}
}

func TestMemoryIsReadInBytes(t *testing.T) {
	got, err := ReadMemory(os.Getpid())
	if err != nil || got.RSS < 4096 || got.RSS%1024 != 0 || got.PSS > got.RSS || got.Anonymous > got.RSS {
		t.Errorf("got %+v and %v, want whole kilobytes, and PSS and anonymous memory within RSS", got, err)
	}
}

func TestTicksDivideTheExactTime(t *testing.T) {
	before := CPU{Whole: time.Second, userTicks: 500 * time.Millisecond, systemTicks: 500 * time.Millisecond}
	after := CPU{Whole: 2 * time.Second, userTicks: 750 * time.Millisecond, systemTicks: 1250 * time.Millisecond}
	used := after.Since(before)
	if used.Whole != time.Second || used.User() != 250*time.Millisecond || used.System() != 750*time.Millisecond {
		t.Errorf("got %v: user %v, system %v, want 1s: 250ms and 750ms", used.Whole, used.User(), used.System())
	}
	if idle := after.Since(after); idle.User() != 0 || idle.System() != 0 {
		t.Errorf("got %v and %v of nothing, want none", idle.User(), idle.System())
	}
}
