package doctor

import (
	"io/fs"
	"math"
	"strconv"
	"strings"
)

const (
	// sysAdmin is the bit of CAP_SYS_ADMIN.
	sysAdmin = 21
	// unlimited is from where on a number of the kernel means that there is no limit.
	unlimited = math.MaxInt64 / 2
)

// files reads small files of the kernel. What is not there, or can't be read, is empty.
type files struct {
	root fs.FS
}

func (f files) text(name string) string {
	content, err := fs.ReadFile(f.root, name)
	if err != nil {
		return ""
	}
	return string(content)
}

// line is a file of one line.
func (f files) line(name string) string { return strings.TrimSpace(f.text(name)) }

// number is the first number of a file, and 0 for one that stands for no limit.
func (f files) number(name string) uint64 { return f.three(name)[0] }

// three are the first three numbers of a file.
func (f files) three(name string) (numbers [3]uint64) {
	for i, field := range strings.Fields(f.text(name)) {
		if i == len(numbers) {
			break
		}
		if n, err := strconv.ParseUint(field, 10, 64); err == nil && n < unlimited {
			numbers[i] = n
		}
	}
	return numbers
}

// named is the number behind a name in a file of names and numbers, such as /proc/meminfo.
func (f files) named(file, name string) uint64 {
	for line := range strings.Lines(f.text(file)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.TrimSuffix(fields[0], ":") != name {
			continue
		}
		n, err := strconv.ParseUint(fields[1], 10, 64)
		if err != nil {
			return 0
		}
		if len(fields) == 3 && fields[2] == "kB" {
			n <<= 10
		}
		return n
	}
	return 0
}

func (f files) memory() Memory {
	const info, status = "proc/meminfo", "proc/self/status"
	m := Memory{
		Total:     f.named(info, "MemTotal"),
		Available: f.named(info, "MemAvailable"),
		Swap:      f.named(info, "SwapTotal"),
		Own:       f.named(status, "RssAnon"),
	}
	if m.Own > 0 {
		m.Own += ownKernelBytes
	}
	return m
}

// tcpPages are the pages that the buffers of all TCP sockets take.
func (f files) tcpPages() uint64 {
	for line := range strings.Lines(f.text("proc/net/sockstat")) {
		_, rest, isTCP := strings.Cut(line, "TCP:")
		if _, pages, found := strings.Cut(rest, " mem "); isTCP && found {
			n, err := strconv.ParseUint(strings.TrimSpace(pages), 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// isPrivileged reports whether the process has CAP_SYS_ADMIN in the namespace that counts: that of the machine, whose user ids map to themselves.
func (f files) isPrivileged() bool {
	for line := range strings.Lines(f.text("proc/self/status")) {
		if mask, found := strings.CutPrefix(line, "CapEff:"); found {
			bits, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
			return err == nil && bits>>sysAdmin&1 == 1 && f.three("proc/self/uid_map") == [3]uint64{0, 0, math.MaxUint32}
		}
	}
	return false
}
