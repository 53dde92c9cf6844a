package main

import (
	"fmt"
	"slices"
	"strings"
)

const hello = "Hello, world!"

// framingCases are sections 1 to 4: sizes, pings and pongs, reserved bits, reserved opcodes.
func framingCases() []scene {
	return slices.Concat(sizeCases(), pingCases(), reservedBitCases(), reservedOpcodeCases())
}

func sizeCases() []scene {
	var cases []scene
	for i, size := range []int{0, 125, 126, 127, 128, 65535, 65536, 65536} {
		cut := together
		if i == 7 {
			cut = 997
		}
		cases = append(cases,
			on(fmt.Sprintf("1.1.%d", i+1), cut).echo(text(strings.Repeat("*", size))),
			on(fmt.Sprintf("1.2.%d", i+1), cut).echo(blob(strings.Repeat("\xfe", size))))
	}
	return cases
}

func pingCases() []scene {
	const bytes = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
	full := strings.Repeat("\xfe", 125)
	var pings, pongs []frame
	for i := range 10 {
		pings = append(pings, ping(fmt.Sprintf("payload-%d", i)))
		pongs = append(pongs, pong(fmt.Sprintf("payload-%d", i)))
	}
	return []scene{
		on("2.1", together).send(ping("")).get(pong("")),
		on("2.2", together).send(ping(hello)).get(pong(hello)),
		on("2.3", together).send(ping(bytes)).get(pong(bytes)),
		on("2.4", together).send(ping(full)).get(pong(full)),
		on("2.5", together).send(ping(full + "\xfe")).end(1002),
		on("2.6", octetByOctet).send(ping(full)).get(pong(full)),
		on("2.7", together).send(pong("")),
		on("2.8", together).send(pong("unsolicited")),
		on("2.9", together).send(pong("unsolicited"), ping("solicited")).get(pong("solicited")),
		on("2.10", together).send(pings...).get(pongs...),
		on("2.11", octetByOctet).send(pings...).get(pongs...),
	}
}

func reservedBitCases() []scene {
	const rsv = 0x10
	return []scene{
		on("3.1", together).send(odd(fin|1*rsv|textual, hello)).end(1002),
		on("3.2", together).send(text(hello), odd(fin|2*rsv|textual, hello)).get(text(hello)).end(1002, ping("")),
		on("3.3", frameByFrame).send(text(hello), odd(fin|3*rsv|textual, hello)).get(text(hello)).end(1002, ping("")),
		on("3.4", octetByOctet).send(text(hello), odd(fin|4*rsv|textual, hello)).get(text(hello)).end(1002, ping("")),
		on("3.5", together).send(odd(fin|5*rsv|binaries, "\x00\xff\xfe\xfd\xfc\xfb\x00\xff")).end(1002),
		on("3.6", together).send(odd(fin|6*rsv|pinging, hello)).end(1002),
		on("3.7", together).send(odd(fin|7*rsv|closing, "")).end(1002),
	}
}

func reservedOpcodeCases() []scene {
	var cases []scene
	for i, base := range []byte{3, 11} {
		at := func(n int, cut int) scene { return on(fmt.Sprintf("4.%d.%d", i+1, n), cut) }
		cases = append(cases,
			at(1, together).send(odd(fin|base, "")).end(1002),
			at(2, together).send(odd(fin|base+1, "reserved")).end(1002),
			at(3, together).send(text(hello), odd(fin|base+2, "")).get(text(hello)).end(1002, ping("")),
			at(4, frameByFrame).send(text(hello), odd(fin|base+3, hello)).get(text(hello)).end(1002, ping("")),
			at(5, octetByOctet).send(text(hello), odd(fin|base+4, hello)).get(text(hello)).end(1002, ping("")))
	}
	return cases
}
