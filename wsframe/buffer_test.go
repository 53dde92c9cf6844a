package wsframe

import "testing"

func TestBufferHasTheNextPowerOfTwo(t *testing.T) {
	for _, c := range []struct {
		name       string
		size, want int
	}{
		{"at least the smallest", 1, minBuffer},
		{"of exactly the smallest", minBuffer, minBuffer},
		{"of one more than a power of two", minBuffer + 1, 2 * minBuffer},
		{"of a power of two", 64 << 10, 64 << 10},
		{"of one less than the largest", maxBuffer - 1, maxBuffer},
		{"of the largest", maxBuffer, maxBuffer},
		{"or what is asked for beyond the largest", maxBuffer + 1, maxBuffer + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 3 {
				buf := getBuffer(c.size)
				if len(buf) != 0 || cap(buf) != c.want {
					t.Errorf("got %d bytes and room for %d, want none and %d", len(buf), cap(buf), c.want)
				}
				putBuffer(buf)
			}
		})
	}
}
