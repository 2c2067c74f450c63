package vault

import (
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"

	"shangu/sync/disk"
	"shangu/sync/seal"
)

var system = keeper{primary: dpapi{}, holders: []holder{dpapi{}, ownerFile{}}}

// dpapi keeps the key as a blob that this Windows alone opens. The blob is the
// machine's, not an account's: the service and an administrator's commands run
// under different ones. Who may read it is said by the directory's ACL.
type dpapi struct{}

// entropy ties the blob to its purpose.
const entropy = "shangu data key v1"

func (dpapi) get(dir string) (k seal.Key, err error) {
	b, err := os.ReadFile(filepath.Join(dir, dpapiFile))
	if err != nil {
		return k, err
	}
	in, salt := blob(b), blob([]byte(entropy))
	var out windows.DataBlob
	if err := windows.CryptUnprotectData(&in, nil, &salt, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		// Another Windows, or this one installed anew: the key is gone from here.
		return k, fmt.Errorf("%w: %w", os.ErrNotExist, err)
	}
	plain, err := take(out)
	if err != nil {
		return k, err
	}
	return Parse(string(plain))
}

func (dpapi) put(dir string, k seal.Key) error {
	in, salt := blob([]byte(Format(k))), blob([]byte(entropy))
	var out windows.DataBlob
	err := windows.CryptProtectData(&in, nil, &salt, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN|windows.CRYPTPROTECT_LOCAL_MACHINE, &out)
	if err != nil {
		return fmt.Errorf("protect key: %w", err)
	}
	b, err := take(out)
	if err != nil {
		return err
	}
	return disk.WriteFile(filepath.Join(dir, dpapiFile), b, 0o600)
}

func blob(b []byte) windows.DataBlob {
	return windows.DataBlob{Size: uint32(len(b)), Data: unsafe.SliceData(b)}
}

// take copies what Windows allocated and gives it back.
func take(b windows.DataBlob) ([]byte, error) {
	out := append([]byte(nil), unsafe.Slice(b.Data, b.Size)...)
	if _, err := windows.LocalFree(windows.Handle(unsafe.Pointer(b.Data))); err != nil {
		return nil, fmt.Errorf("free blob: %w", err)
	}
	return out, nil
}
