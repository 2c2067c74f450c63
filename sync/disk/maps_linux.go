package disk

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "unsafe" // for go:linkname

	"golang.org/x/sys/unix"
)

// Badger makes its files sparse and writes them through memory. Where the disk
// has no room for a page that is touched first, Linux kills the process with
// SIGBUS, and no program in Go can catch that in a goroutine which is not its
// own. So room is taken before: whatever this process maps for writing has all
// of its blocks, or is not mapped, and Badger gets ENOSPC as it gets other
// errors. Windows needs no help, for NTFS gives a file its room with its length.
//
// There is no door for this: x/sys/unix keeps the call that every mapping goes
// through in a variable of its own. TestMappedFilesHaveTheirRoom fails should a
// later version of it look otherwise.

// mapper is x/sys/unix's, field by field.
//
//go:linkname mapper golang.org/x/sys/unix.mapper
var mapper *struct {
	sync.Mutex
	active map[*byte][]byte
	mmap   func(addr, length uintptr, prot, flags, fd int, offset int64) (uintptr, error)
	munmap func(addr uintptr, length uintptr) error
}

func init() {
	bare := mapper.mmap
	mapper.mmap = func(addr, length uintptr, prot, flags, fd int, offset int64) (uintptr, error) {
		if prot&unix.PROT_WRITE != 0 && flags&unix.MAP_SHARED != 0 && fd >= 0 {
			err := fillHoles(fd, offset+int64(length))
			for ; IsFull(err) && isTable(fd); err = fillHoles(fd, offset+int64(length)) {
				if err := unix.Ftruncate(fd, offset+int64(length)); err != nil {
					return 0, os.NewSyscallError("ftruncate", err)
				}
				time.Sleep(forRoom)
			}
			if err != nil {
				return 0, err
			}
		}
		return bare(addr, length, prot, flags, fd, offset)
	}
}

// forRoom is how long a table without room waits before it is tried again.
const forRoom = 500 * time.Millisecond

// isTable reports whether a file is a table of Badger's. Its compaction drops
// the error of a table that could not be made, and then deletes what went into it:
// documents would be gone. So making one waits for room instead; it happens in
// goroutines of Badger's own.
func isTable(fd int) bool {
	name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	return err == nil && strings.HasSuffix(name, ".sst")
}

// fillHoles gives an open file all blocks up to size. A file that had none and
// cannot have all is emptied, so that a failed try keeps no room.
func fillHoles(fd int, size int64) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Blocks*512 >= size {
		return nil
	}
	err := allocate(fd, unix.FALLOC_FL_KEEP_SIZE, size)
	if err != nil && st.Blocks == 0 {
		return errors.Join(err, unix.Ftruncate(fd, 0))
	}
	return err
}

// allocate is fallocate, which some file systems do not know: there nothing is
// held back.
func allocate(fd int, mode uint32, size int64) error {
	for {
		switch err := unix.Fallocate(fd, mode, 0, size); err {
		case unix.EINTR:
		case unix.EOPNOTSUPP, unix.ENOSYS:
			return nil
		default:
			return os.NewSyscallError("fallocate", err)
		}
	}
}
