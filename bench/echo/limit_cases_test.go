package main

import (
	"fmt"
	"slices"
	"strings"
)

const (
	kib = 1 << 10
	mib = 1 << 20

	longest = 16 * mib
)

// limitCases are section 9: long messages, many fragments, small pieces, many round trips.
func limitCases() []scene {
	return slices.Concat(
		limitCasesOf(1, textual, strings.Repeat("*", longest)),
		limitCasesOf(2, binaries, strings.Repeat("\xfe", longest)))
}

// limitCasesOf are the odd sections for text and the even ones for binary messages.
func limitCasesOf(section int, opcode byte, payload string) []scene {
	var cases []scene
	at := func(section, i, cut int) scene { return on(fmt.Sprintf("9.%d.%d", section, i+1), cut) }
	whole := func(size int) frame { return frame{first: fin | opcode, payload: payload[:size]} }
	for i, size := range []int{64 * kib, 256 * kib, mib, 4 * mib, 8 * mib, longest} {
		cases = append(cases, at(section, i, together).echo(whole(size)))
	}
	for i, size := range []int{64, 256, kib, 4 * kib, 16 * kib, 64 * kib, 256 * kib, mib, 4 * mib} {
		cases = append(cases, at(section+2, i, together).send(fragments(opcode, payload[:4*mib], size)...).get(whole(4*mib)))
	}
	for i, size := range []int{64, 128, 256, 512, kib, 2 * kib} {
		cases = append(cases, at(section+4, i, size).echo(whole(mib)))
	}
	for i, size := range []int{0, 16, 64, 256, kib, 4 * kib} {
		s := at(section+6, i, together)
		s.rounds = slices.Repeat(s.echo(whole(size)).rounds, 1000)
		cases = append(cases, s)
	}
	return cases
}

// autoFragmentationCases are section 10.
func autoFragmentationCases() []scene {
	payload := strings.Repeat("*", 64*kib)
	return []scene{on("10.1.1", together).send(fragments(textual, payload, 1300)...).get(text(payload))}
}
