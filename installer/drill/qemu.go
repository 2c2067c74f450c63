package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// vm is a machine without hardware virtualisation: a Debian cloud kernel whose
// first process is installer/drill/guest, a data disk and a disk of programs.
type vm struct {
	dir    string // of its files
	kernel string
	initrd string
	disk   string // the data disk as of the last cut
	bin    string // the disk of programs
	memory string // in MiB
}

// modules that the kernel needs to see its disks, in the order of loading.
var modules = []string{
	"drivers/virtio/virtio_ring.ko", "drivers/virtio/virtio.ko", "drivers/virtio/virtio_pci_legacy_dev.ko",
	"drivers/virtio/virtio_pci_modern_dev.ko", "drivers/virtio/virtio_pci.ko", "drivers/block/virtio_blk.ko",
}

// vmTools are the programs that a vm needs.
var vmTools = []string{"qemu-system-x86_64", "mke2fs", "apt-get", "apt-cache", "dpkg"}

// missingTool names one of the programs that is not there, "" if all are.
func missingTool(names ...string) string {
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			return name
		}
	}
	return ""
}

// run runs a command to its end in a folder.
func run(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, tail(out))
	}
	return out, nil
}

// kernel fetches Debian's cloud kernel and unpacks it into a folder of its own,
// where later drills find it. Nothing is installed.
func kernel(ctx context.Context) (dir string, err error) {
	dir = filepath.Join(os.TempDir(), "shangu-drill-kernel")
	there := func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
		return len(found) > 0
	}
	if there() {
		return dir, nil
	}
	deps, err := run(ctx, "", "apt-cache", "depends", "linux-image-cloud-amd64")
	if err != nil {
		return "", err
	}
	name := ""
	for _, word := range strings.Fields(string(deps)) {
		if strings.HasPrefix(word, "linux-image-") && strings.HasSuffix(word, "-cloud-amd64") && word != "linux-image-cloud-amd64" {
			name = word
		}
	}
	if name == "" {
		return "", errors.New("apt knows no cloud kernel; apt-get update may help")
	}
	temp, err := os.MkdirTemp("", "shangu-kernel-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	if _, err := run(ctx, temp, "apt-get", "download", name); err != nil {
		return "", err
	}
	debs, _ := filepath.Glob(filepath.Join(temp, "*.deb"))
	if len(debs) != 1 {
		return "", fmt.Errorf("apt-get download left %d packages", len(debs))
	}
	root := filepath.Join(temp, "root")
	if _, err := run(ctx, temp, "dpkg", "-x", debs[0], root); err != nil {
		return "", err
	}
	if err := os.Rename(root, dir); err != nil && !there() { // if it is there, another drill was faster
		return "", err
	}
	return dir, nil
}

// newVM makes a vm in dir. The folder data becomes its data disk, programs the
// other one; "" makes none. more are further modules.
func newVM(ctx context.Context, dir, guest, data, programs, memory string, more ...string) (*vm, error) {
	k, err := kernel(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetch kernel: %w", err)
	}
	images, _ := filepath.Glob(filepath.Join(k, "boot", "vmlinuz-*"))
	tree, _ := filepath.Glob(filepath.Join(k, "lib", "modules", "*", "kernel"))
	if len(images) != 1 || len(tree) != 1 {
		return nil, fmt.Errorf("%s holds %d kernels and %d module trees", k, len(images), len(tree))
	}
	v := &vm{dir: dir, kernel: images[0], memory: memory,
		initrd: filepath.Join(dir, "initrd"), disk: filepath.Join(dir, "disk.img"), bin: filepath.Join(dir, "programs.img")}
	if err := writeInitrd(v.initrd, guest, tree[0], append(modules[:len(modules):len(modules)], more...)); err != nil {
		return nil, err
	}
	for image, from := range map[string][2]string{v.disk: {data, "256M"}, v.bin: {programs, "128M"}} {
		if from[0] == "" {
			continue
		}
		if _, err := run(ctx, dir, "mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0,root_owner=0:0", "-d", from[0], image, from[1]); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// writeInitrd writes a cpio archive of the guest's program and modules.
func writeInitrd(name, guest, tree string, modules []string) error {
	var b bytes.Buffer
	n := 0
	add := func(path string, mode int, data []byte) {
		n++
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
			n, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path)+1, 0, path)
		pad := func() { b.Write(make([]byte, (4-b.Len()%4)%4)) }
		pad()
		b.Write(data)
		pad()
	}
	const folder, program, file = 0o040755, 0o100755, 0o100644
	for _, dir := range []string{"dev", "proc", "sys", "tmp", "data", "bin", "modules"} {
		add(dir, folder, nil)
	}
	// The kernel opens it for the first process before /dev is mounted.
	consoleNode(&b, &n)
	var order strings.Builder
	for _, m := range modules {
		data, err := os.ReadFile(filepath.Join(tree, m))
		if err != nil {
			return fmt.Errorf("read module: %w", err)
		}
		add("modules/"+filepath.Base(m), file, data)
		fmt.Fprintln(&order, filepath.Base(m))
	}
	add("modules/order", file, []byte(order.String()))
	data, err := os.ReadFile(guest)
	if err != nil {
		return fmt.Errorf("read guest: %w", err)
	}
	add("init", program, data)
	add("TRAILER!!!", 0, nil)
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write initrd: %w", err)
	}
	return nil
}

// consoleNode adds /dev/console, character device 5:1.
func consoleNode(b *bytes.Buffer, n *int) {
	*n++
	const path = "dev/console"
	fmt.Fprintf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		*n, 0o020600, 0, 0, 1, 0, 0, 0, 0, 5, 1, len(path)+1, 0, path)
	b.Write(make([]byte, (4-b.Len()%4)%4))
}

// boot starts the machine on a copy of its disk. Every write to it is logged,
// so that cut can leave out what the guest had not flushed. What the guest says
// on its second serial line comes from lines.
func (v *vm) boot(seed uint64, arguments string) (*running, error) {
	r := &running{vm: v, data: filepath.Join(v.dir, "running.img"), log: filepath.Join(v.dir, "writes.log")}
	if err := copySparse(v.disk, r.data); err != nil {
		return nil, err
	}
	if err := os.WriteFile(r.log, nil, 0o600); err != nil {
		return nil, fmt.Errorf("boot: %w", err)
	}
	console := filepath.Join(v.dir, "console")
	r.cmd = exec.Command("qemu-system-x86_64", "-machine", "pc", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", v.memory,
		"-nodefaults", "-display", "none", "-no-reboot",
		"-kernel", v.kernel, "-initrd", v.initrd,
		"-append", fmt.Sprintf("console=ttyS0 quiet panic=-1 random.trust_cpu=on tsc=reliable mitigations=off drill.seed=%d %s", seed, arguments),
		"-serial", "file:"+console, "-serial", "stdio",
		"-blockdev", "driver=file,filename="+r.data+",node-name=data",
		"-blockdev", "driver=file,filename="+r.log+",node-name=writes",
		"-blockdev", "driver=blklogwrites,file=data,log=writes,node-name=disk",
		"-device", "virtio-blk-pci,drive=disk,discard=off,write-zeroes=off,write-cache=on",
	)
	if _, err := os.Stat(v.bin); err == nil {
		r.cmd.Args = append(r.cmd.Args, "-blockdev", "driver=file,read-only=on,filename="+v.bin+",node-name=bin", "-device", "virtio-blk-pci,drive=bin")
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("boot: %w", err)
	}
	r.cmd.Stderr = &r.stderr
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("boot: %w", err)
	}
	r.out = out
	return r, nil
}

// console is the end of what the kernel and programs printed.
func (v *vm) console() string {
	b, _ := os.ReadFile(filepath.Join(v.dir, "console"))
	return string(tail(b))
}
