package stream

import (
	"fmt"
	"slices"
	"strings"
)

var (
	behindNames   = [...]string{Close: "close", CatchUp: "catch-up", Latest: "latest", Skip: "skip"}
	interestNames = [...]string{ByType: "type", ByID: "id", Auto: "auto"}
)

// String returns the name that ParseBehind reads.
func (b Behind) String() string { return nameOf(behindNames[:], "behind", uint8(b)) }

// ParseBehind reads close, catch-up, latest or skip.
func ParseBehind(name string) (Behind, error) {
	number, err := parseName(behindNames[:], "behind", name)
	return Behind(number), err
}

// UnmarshalText is ParseBehind for flags and files.
func (b *Behind) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBehind(string(text))
	return err
}

// MarshalText is String for files. A value that has no name is an error.
func (b Behind) MarshalText() ([]byte, error) { return marshalName(behindNames[:], "behind", uint8(b)) }

// String returns the name that ParseInterest reads.
func (i Interest) String() string { return nameOf(interestNames[:], "interest", uint8(i)) }

// ParseInterest reads type, id or auto.
func ParseInterest(name string) (Interest, error) {
	number, err := parseName(interestNames[:], "interest", name)
	return Interest(number), err
}

// UnmarshalText is ParseInterest for flags and files.
func (i *Interest) UnmarshalText(text []byte) (err error) {
	*i, err = ParseInterest(string(text))
	return err
}

// MarshalText is String for files. A value that has no name is an error.
func (i Interest) MarshalText() ([]byte, error) {
	return marshalName(interestNames[:], "interest", uint8(i))
}

func nameOf(names []string, what string, number uint8) string {
	if int(number) < len(names) {
		return names[number]
	}
	return fmt.Sprintf("%s(%d)", what, number)
}

func parseName(names []string, what, name string) (uint8, error) {
	if i := slices.Index(names, name); i >= 0 {
		return uint8(i), nil
	}
	return 0, fmt.Errorf("there is no %s %q: use %s", what, name, oneOf(names))
}

func marshalName(names []string, what string, number uint8) ([]byte, error) {
	if err := checkName(names, what, number); err != nil {
		return nil, err
	}
	return []byte(names[number]), nil
}

func checkName(names []string, what string, number uint8) error {
	if int(number) < len(names) {
		return nil
	}
	return fmt.Errorf("%s has the value %d, which is none: use %s", what, number, oneOf(names))
}

func oneOf(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
