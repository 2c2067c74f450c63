package drill

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// running is a vm that is on.
type running struct {
	*vm
	cmd    *exec.Cmd
	out    io.Reader // the guest's second serial line
	stderr bytes.Buffer
	data   string // its disk, with all that it wrote
	log    string // the same writes in order, with its flushes
}

// lines is what the guest says, line by line, until stop is called. It is closed
// when the guest is off.
func (r *running) lines() (said <-chan string, stop func()) {
	lines, done := make(chan string), make(chan struct{})
	go func() {
		defer close(lines)
		in := bufio.NewReader(r.out)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return // a line that was cut off was never said
			}
			select {
			case lines <- strings.TrimSpace(line):
			case <-done:
				return
			}
		}
	}()
	return lines, func() { close(done) }
}

// pull pulls the plug, and makes of the disk what a power cut could have left:
// all that was written before the last flush, and of what came after any part,
// in pieces of a page.
func (r *running) pull(rnd *rand.Rand) (dropped int, err error) {
	r.cmd.Process.Kill() // fails only if it has ended already
	io.Copy(io.Discard, r.out)
	r.cmd.Wait() // a killed process reports an error, which is what was wanted
	disk, err := os.OpenFile(r.disk, os.O_RDWR, 0)
	if err != nil {
		return 0, fmt.Errorf("pull the plug: %w", err)
	}
	log, err := os.Open(r.log)
	if err != nil {
		return 0, errors.Join(err, disk.Close())
	}
	defer log.Close()
	dropped, err = replay(disk, log, rnd)
	return dropped, errors.Join(err, disk.Close())
}

// QEMU's blklogwrites driver writes what dm-log-writes of Linux does: a
// superblock of one sector, then for each write one sector that says where to,
// how much and how, and the data. Little-endian.
const (
	logMagic   = 0x6a736677736872
	logFlush   = 1
	logDiscard = 4
	page       = 4 << 10
)

type write struct {
	at   int64 // in bytes
	data []byte
}

// replay applies a log of writes to a disk. Those after the last flush are
// dropped page by page, as chance has it.
func replay(disk io.WriterAt, log io.Reader, rnd *rand.Rand) (dropped int, err error) {
	var super [512]byte
	if _, err := io.ReadFull(log, super[:]); err != nil {
		return 0, nil // the machine had not come to writing
	}
	u64 := func(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	if magic := u64(super[:], 0); magic != logMagic && magic != 0 {
		return 0, fmt.Errorf("read log of writes: begins with %x", magic)
	}
	sector := int64(binary.LittleEndian.Uint32(super[24:]))
	if sector == 0 {
		sector = 512 // the superblock itself was not written yet
	}
	if _, err := io.CopyN(io.Discard, log, sector-int64(len(super))); err != nil {
		return 0, nil
	}
	var late []write // since the last flush
	head := make([]byte, sector)
	for {
		if _, err := io.ReadFull(log, head); err != nil {
			break
		}
		at, n, flags := int64(u64(head, 0)), int64(u64(head, 1)), u64(head, 2)
		if at == 0 && n == 0 && flags == 0 {
			continue // taken by a write that was not done when the power failed
		}
		if flags > 15 || n > 1<<16 {
			return 0, fmt.Errorf("read log of writes: %d sectors, flags %x", n, flags)
		}
		var data []byte
		if n > 0 && flags&logDiscard == 0 {
			data = make([]byte, n*sector)
			if _, err := io.ReadFull(log, data); err != nil {
				break // torn: never acknowledged
			}
			late = append(late, write{at * sector, data})
		}
		if flags&logFlush == 0 {
			continue
		}
		for _, w := range late {
			if _, err := disk.WriteAt(w.data, w.at); err != nil {
				return 0, fmt.Errorf("write disk: %w", err)
			}
		}
		late = late[:0]
	}
	for _, w := range late {
		for part := range slices.Chunk(w.data, page) {
			if rnd.IntN(2) == 0 {
				dropped++
			} else if _, err := disk.WriteAt(part, w.at); err != nil {
				return 0, fmt.Errorf("write disk: %w", err)
			}
			w.at += int64(len(part))
		}
	}
	return dropped, nil
}

// copySparse copies a disk's image and leaves holes where there are zeros.
func copySparse(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy disk: %w", err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("copy disk: %w", err)
	}
	buf, zero := make([]byte, 256<<10), make([]byte, 256<<10)
	var at int64
	for {
		n, err := in.Read(buf)
		if n > 0 && !bytes.Equal(buf[:n], zero[:n]) {
			if _, err := out.WriteAt(buf[:n], at); err != nil {
				return errors.Join(fmt.Errorf("copy disk: %w", err), out.Close())
			}
		}
		at += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return errors.Join(fmt.Errorf("copy disk: %w", err), out.Close())
		}
	}
	return errors.Join(out.Truncate(at), out.Close())
}
