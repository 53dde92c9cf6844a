package broker

import (
	"fmt"
	"testing"
)

// BenchmarkLane has events of origins come in turns.
func BenchmarkLane(b *testing.B) {
	for _, origins := range []int{1, 8, 64, 100, 1000} {
		b.Run(fmt.Sprint(origins, " origins"), func(b *testing.B) {
			var lane Lane
			b.ReportAllocs()
			for n, sequence := 0, uint64(0); b.Loop(); n++ {
				if n%origins == 0 {
					n, sequence = 0, sequence+1
				}
				lane.See(uint64(n)<<32|7, sequence, sequence-1)
			}
		})
	}
}
