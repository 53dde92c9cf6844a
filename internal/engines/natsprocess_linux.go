package engines

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the process if the test does not get to it.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
