package main

import "testing"

func TestByteSizeReads(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want byteSize
	}{
		"a number as bytes":       {"1048576", 1 << 20},
		"0":                       {"0", 0},
		"bytes":                   {"17B", 17},
		"powers of 1024":          {"64KiB", 64 << 10},
		"their short forms":       {"2M", 2 << 20},
		"powers of 1000":          {"2GB", 2e9},
		"any case, spaces beside": {" 3 gib ", 3 << 30},
		"fractions":               {"1.5MiB", 3 << 19},
	} {
		t.Run(name, func(t *testing.T) {
			var got byteSize
			if err := got.UnmarshalText([]byte(c.text)); err != nil || got != c.want {
				t.Errorf("got %d and error %v, want %d", got, err, c.want)
			}
		})
	}
}

func TestByteSizeRejects(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":              "",
		"a unit alone":         "MiB",
		"an unknown unit":      "3XB",
		"less than 0":          "-1",
		"what is no number":    "NaN",
		"infinity":             "Inf",
		"more than 63 bits of": "8388608TiB",
	} {
		t.Run(name, func(t *testing.T) {
			var got byteSize
			if err := got.UnmarshalText([]byte(text)); err == nil {
				t.Errorf("got %d for %q, want an error", got, text)
			}
		})
	}
}

func TestByteSizeWritesWhatItReads(t *testing.T) {
	for _, want := range []byteSize{0, 1, 1023, 1 << 10, 1<<20 + 1, 3 << 20, 1 << 40, 1<<62 - 512} {
		var got byteSize
		if err := got.UnmarshalText([]byte(want.String())); err != nil || got != want {
			t.Errorf("got %d and error %v for %q, want %d", got, err, want, want)
		}
	}
}
